"""Evidence: few packets, in order."""

from __future__ import annotations

from harness.checks.evidence import (
    LIMIT,
    accepting,
    answering,
    asking,
    count_own,
    gather,
    opening,
    seen,
)
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen
from harness.trace.trace import Trace
from tests.trace_builder import SYN, TraceBuilder


def _numbers(*numbers: int) -> tuple[PacketNumber, ...]:
    return tuple(PacketNumber(n) for n in numbers)


def test_packets_are_gathered_once_in_order_and_not_without_end() -> None:
    """A finding names at most 50."""
    assert gather(_numbers(9, 4), _numbers(4, 7)) == (4, 7, 9)
    assert len(gather(_numbers(*range(1, 99)))) == LIMIT


def test_a_connection_is_shown_by_its_first_packets() -> None:
    """The first SYN, also of several; the SYN-ACK; else whatever came first."""
    builder = TraceBuilder()
    wire = builder.open("dmz", builder.site.entry, builder.site.entry, 443)
    again = wire.send(from_client=True, flags=SYN, size=0)
    wire.syn = (*wire.syn, again)
    connection = wire.build(1)

    assert opening(connection) == connection.packets[:1]
    assert accepting(connection) == connection.packets[1:2]


def test_an_exchange_is_shown_by_its_halves() -> None:
    """Nothing for a half that is missing."""
    builder = TraceBuilder()
    wire = builder.open("dmz", builder.site.entry, builder.site.entry, 443)
    wire.ask("/")
    unanswered = wire.exchanges[0]
    wire.answer(0, 200)

    assert (asking(wire.exchanges[0]), answering(wire.exchanges[0])) == (
        (wire.packets[3],),
        (wire.packets[4],),
    )
    assert answering(unanswered) == ()


def test_messages_that_were_not_seen_show_nothing() -> None:
    """None is left out."""
    assert seen(None, Seen(time_ns=1, packets=_numbers(5, 6)), None) == (5, 6)


def test_what_another_part_of_the_capture_has_is_not_counted() -> None:
    """By the first packet, of connections and of requests; all of them in a whole capture."""
    builder = TraceBuilder()
    wire = builder.open("dmz", builder.site.entry, builder.site.entry, 443)
    wire.ask("/")
    connection, exchange = wire.build(1), wire.exchanges[0]
    behind = range(connection.packets[0] + 1, 99)

    assert count_own(Trace(), connection, exchange) == 2
    assert count_own(Trace(own=behind), connection, exchange) == 1
    assert count_own(Trace(own=range(0)), connection, exchange) == 0
