"""Receiver: whoever takes the bytes of one connection, in order."""

from __future__ import annotations

from typing import Protocol, TypeVar

from harness.decode.tcp.talk import Talk
from harness.trace.packet import PacketNumber
from harness.trace.seen import Side


class Receiver(Protocol):
    """Whoever takes the bytes of one connection."""

    @property
    def wants(self) -> bool:
        """More bytes are wanted; False: they may be left out."""

    @property
    def is_hashed(self) -> bool:
        """The hash of each direction is wanted; then no byte is left out."""

    @property
    def is_brief(self) -> bool:
        """Nobody asks for packet numbers, nor what a second copy of the same bytes was."""

    def feed(self, side: Side, data: bytes, number: PacketNumber, time_ns: int) -> None:
        """Bytes in order; the number is that of the packet that brought them."""

    def feed_talk(self, talk: Talk) -> None:
        """The same for the bytes of many packets of both sides."""

    def gap(self, side: Side, size: int | None, number: PacketNumber, time_ns: int) -> None:
        """So many bytes are missing here; None: the capture began after the connection, so nobody knows."""


R = TypeVar("R", bound=Receiver)
