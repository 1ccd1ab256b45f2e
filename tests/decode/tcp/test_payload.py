"""Tests of payloads: the bytes of each group, in the order of capture and by side."""

from __future__ import annotations

import pytest

from harness.decode.packet.table import PacketTable, read_tables
from harness.decode.tcp.payload import Payload
from harness.decode.tcp.run import NOTHING
from harness.decode.tcp.segment_table import SegmentTable, find_segments
from harness.trace.packet import PacketNumber
from tests.packet_builder import Talk, build_capture


def tables() -> tuple[PacketTable, SegmentTable]:
    """Two connections whose packets come in turn; the server is the smaller end of both."""
    talks = [
        Talk(client=("203.0.113.5", port))
        .open()
        .send("client", b"%d asks" % port, size=4)
        .send("server", b"answer to %d" % port, size=7)
        .send("client", b"bye")
        for port in (50001, 50002)
    ]
    frames = [
        frame for pair in zip(*(talk.frames for talk in talks), strict=True) for frame in pair
    ]
    items = read_tables(build_capture(frames), window=1 << 20)
    table = next(item for item in items if isinstance(item, PacketTable))
    segments, _ = find_segments(table, {0: 1})
    assert segments is not None
    return table, segments


def test_turns_are_those_of_the_capture() -> None:
    """Who sent what, packet by packet."""
    payload = Payload(*tables())

    said = [
        [
            (side, run.data, len(run.ends))
            for side, run in payload.build(group, is_low_client=False).build_runs()
        ]
        for group in (0, 1)
    ]

    assert sorted(said) == [
        [
            ("client", b"%d asks" % port, 3),
            ("server", b"answer to %d" % port, 3),
            ("client", b"bye", 1),
        ]
        for port in (50001, 50002)
    ]


def test_packets_have_their_numbers_and_times() -> None:
    """Those of the capture."""
    table, segments = tables()

    for group in (0, 1):
        talk = Payload(table, segments).build(group, is_low_client=False)
        numbers = [number for _, run in talk.build_runs() for number in run.numbers]
        times = [time_ns for _, run in talk.build_runs() for time_ns in run.times]
        assert numbers == sorted(numbers)
        assert times == [int(table.time_ns[number - table.first_number]) for number in numbers]


@pytest.mark.parametrize("cut", range(30))
def test_two_parts_are_the_whole(cut: int) -> None:
    """Cut before any packet of the capture."""
    payload, number = Payload(*tables()), PacketNumber(cut)

    for group in (0, 1):
        whole = payload.build(group, is_low_client=False)
        first = payload.build(group, is_low_client=False, until=number)
        rest = payload.build(group, is_low_client=False, since=number)
        for side in ("client", "server"):
            one, two, both = (getattr(talk, side) for talk in (first, rest, whole))
            pieces = [*one.pieces(), *two.pieces()]
            assert pieces == [*both.pieces()]
            assert [n for _, n, _ in pieces if n < number] == [*one.numbers]


def test_a_silent_side_sends_nothing() -> None:
    """Or one whose packets are all elsewhere."""
    payload = Payload(*tables())

    talk = payload.build(0, is_low_client=False, until=PacketNumber(1))

    assert (talk.client, talk.server) == (NOTHING, NOTHING)
