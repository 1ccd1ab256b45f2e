"""Tests of payloads: the bytes of each group, in the order of capture and by side."""

from __future__ import annotations

from harness.decode.packet.table import PacketTable, read_tables
from harness.decode.tcp.payload import Talks, Turns
from harness.decode.tcp.segment_table import SegmentTable, find_segments
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
    turns = Turns(*tables())

    said = [
        [(side, run.data, len(run.ends)) for side, run in turns.build(group, is_low_client=False)]
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


def test_talks_hold_the_same_by_side() -> None:
    """And their runs are the turns."""
    table, segments = tables()
    turns, talks = Turns(table, segments), Talks(table, segments)

    for group in (0, 1):
        talk = talks.build(group, is_low_client=False)
        runs = talk.build_runs()
        again = turns.build(group, is_low_client=False)
        facts = [
            [(s, r.data, r.ends, r.numbers, r.times) for s, r in each] for each in (runs, again)
        ]

        assert facts[0] == facts[1]
        assert talk.client.data.endswith(b"asksbye")
