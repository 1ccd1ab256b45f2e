"""Evidence: the packets that show something, few and in order."""

from __future__ import annotations

from collections.abc import Iterable

from harness.trace.connection import Connection
from harness.trace.http import Exchange
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen
from harness.trace.trace import Trace

LIMIT = 50
"""As many as a finding may name."""


def gather(*parts: Iterable[PacketNumber]) -> tuple[PacketNumber, ...]:
    """Ascending, without repetition, at most LIMIT."""
    return tuple(sorted({number for part in parts for number in part}))[:LIMIT]


def opening(connection: Connection) -> tuple[PacketNumber, ...]:
    """The packet that shows who opened a connection and from which port: its first SYN."""
    return connection.syn[:1] or connection.packets[:1]


def accepting(connection: Connection) -> tuple[PacketNumber, ...]:
    """The packet that shows that the server took a connection: its first SYN-ACK."""
    return connection.syn_ack[:1]


def asking(exchange: Exchange) -> tuple[PacketNumber, ...]:
    """The packets of the request."""
    return exchange.request.packets if exchange.request is not None else ()


def answering(exchange: Exchange) -> tuple[PacketNumber, ...]:
    """The packets of the response."""
    return exchange.response.packets if exchange.response is not None else ()


def seen(*messages: Seen | None) -> tuple[PacketNumber, ...]:
    """The packets of messages, where they were seen."""
    return gather(*(message.packets for message in messages if message is not None))


def count_own(trace: Trace, *things: Connection | Exchange) -> int:
    """How many of these connections and requests no other part of the capture has."""
    begun = (thing.packets[:1] for thing in things)
    return sum(not first or first[0] in trace.own for first in begun)
