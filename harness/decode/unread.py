"""Unread: the receiver of a connection whose bytes nobody wants. It imports nothing that could read them."""

from __future__ import annotations

from harness.decode.layer_fields import LayerFields, build_nothing
from harness.decode.tcp.talk import Talk
from harness.trace.packet import PacketNumber
from harness.trace.seen import Side


class Unread:
    """See tcp.receiver.Receiver."""

    __slots__ = ("is_brief",)
    wants = False
    is_hashed = False

    def __init__(self, *, is_brief: bool = False) -> None:
        """See Receiver."""
        self.is_brief = is_brief

    def feed(self, side: Side, data: bytes, number: PacketNumber, time_ns: int) -> None:
        """Drop them."""

    def feed_talk(self, talk: Talk) -> None:
        """Drop them."""

    def gap(self, side: Side, size: int | None, number: PacketNumber, time_ns: int) -> None:
        """Drop it; the connection keeps its own account of gaps."""

    def finish(self, *, client_closed: bool, server_closed: bool) -> LayerFields:
        """Nothing."""
        return build_nothing()
