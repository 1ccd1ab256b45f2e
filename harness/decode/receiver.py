"""Receiver: whoever takes the bytes of one connection."""

from __future__ import annotations

from typing import Protocol, TypeVar

from harness.decode.run import Run
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side


class Receiver(Protocol):
    """Whoever takes the bytes of one connection."""

    wants: bool
    """More bytes are wanted; False: they may be left out."""
    is_hashed: bool
    """The hash of each direction is wanted; then no byte is left out."""

    def feed(self, side: Side, data: bytes, number: PacketNumber, time_ns: int) -> None:
        """Bytes in order; the number is that of the packet that brought them."""

    def feed_run(self, side: Side, run: Run) -> None:
        """The same for the bytes of several packets."""

    def gap(self, side: Side, size: int | None, number: PacketNumber, time_ns: int) -> None:
        """So many bytes are missing here; None: the capture began after the connection, so nobody knows."""


R = TypeVar("R", bound=Receiver)
