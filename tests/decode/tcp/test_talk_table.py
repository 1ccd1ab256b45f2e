"""Tests of the bytes of many connections: brought together, cut, chosen, and taken apart again."""

from __future__ import annotations

from itertools import accumulate, chain

import numpy as np

from harness.decode.packet.table import PacketTable, read_tables
from harness.decode.tcp.payload import Payload
from harness.decode.tcp.run import Run
from harness.decode.tcp.segment_table import SegmentTable, find_segments
from harness.decode.tcp.talk import Talk
from harness.decode.tcp.talk_table import TalkTable, join_talks
from tests.packet_builder import Talk as Wire
from tests.packet_builder import build_capture

Told = list[tuple[bytes, list[int], list[int], list[int]]]


def table_of(*talks: Talk) -> TalkTable:
    """The same talks in one table."""
    runs = [run for talk in talks for run in (talk.client, talk.server)]
    start = [0, *accumulate(len(run.data) for run in runs)]
    ends = [begin + end for begin, run in zip(start, runs, strict=False) for end in run.ends]
    return TalkTable(
        data=b"".join(run.data for run in runs),
        start=np.array(start),
        first=np.array([0, *accumulate(len(run.ends) for run in runs)]),
        ends=np.array(ends, np.int64),
        numbers=np.array(list(chain.from_iterable(run.numbers for run in runs)), np.int64),
        times=np.array(list(chain.from_iterable(run.times for run in runs)), np.int64),
        is_cut=np.array([talk.is_cut for talk in talks], bool),
    )


def tell(talk: Talk) -> Told:
    """All of both runs."""

    def show(run: Run) -> tuple[bytes, list[int], list[int], list[int]]:
        return run.data, list(run.ends), list(run.numbers), list(run.times)

    return [show(talk.client), show(talk.server)]


def read() -> tuple[PacketTable, SegmentTable]:
    """Three connections in turn; the server is the smaller end of two, and the last one is silent."""
    wires = [
        Wire(client=(client, 50001), server=("10.1.0.10", 443)).open()
        for client in ("203.0.113.5", "10.1.0.5", "203.0.113.6")
    ]
    for number, wire in enumerate(wires[:2]):
        wire.send("client", b"%d asks" % number, size=4).send("server", b"answer", size=4)
        wire.send("client", b"bye")
    frames = [frame for trio in zip(*(w.frames for w in wires), strict=False) for frame in trio]
    frames += [frame for wire in wires[:2] for frame in wire.frames[3:]]
    items = read_tables(build_capture(frames), window=1 << 20)
    table = next(item for item in items if isinstance(item, PacketTable))
    segments, _ = find_segments(table, {0: 1})
    assert segments is not None
    return table, segments


def test_each_connection_has_its_bytes() -> None:
    """Client first, whichever end is the smaller one; also where nothing was said."""
    table, segments = read()
    is_low_client = segments.from_low[segments.start]
    payload = Payload(table, segments)

    talks = join_talks(table, segments, np.arange(3), is_low_client)

    assert len(talks) == 3
    assert [tell(talks.build(row)) for row in range(3)] == [
        tell(payload.build(row, is_low_client=bool(is_low_client[row]))) for row in range(3)
    ]
    assert sorted(talks.build(row).client.data for row in range(3)) == [
        b"",
        b"0 asksbye",
        b"1 asksbye",
    ]


def test_only_some_groups() -> None:
    """The bytes of the others are not touched."""
    table, segments = read()
    is_low_client = segments.from_low[segments.start]
    every = join_talks(table, segments, np.arange(3), is_low_client)

    some = join_talks(table, segments, np.array([0, 2]), is_low_client)

    assert [tell(some.build(row)) for row in range(2)] == [tell(every.build(row)) for row in (0, 2)]


def test_only_the_first_packets() -> None:
    """Those of both ends count; who sent more is marked."""
    table, segments = read()
    is_low_client = segments.from_low[segments.start]

    talks = join_talks(table, segments, np.arange(3), is_low_client, first_packets=4)

    said = [
        (talk.client.data, talk.server.data, talk.is_cut) for talk in map(talks.build, range(3))
    ]
    assert sorted(said) == [(b"", b"", False), (b"0 as", b"", True), (b"1 as", b"", True)]


def test_a_packet_is_found_by_the_byte_before_an_offset() -> None:
    """Also at its last byte."""
    talk = Talk(Run(b"abcde", [2, 5], [1, 3], [10, 30]), Run(b"xyz", [3], [2], [20]))  # type: ignore[list-item]
    talks = table_of(talk, talk)

    found = talks.find_packets([1, 2, 3, 5, 6, 8, 9])

    assert talks.numbers[found].tolist() == [1, 1, 3, 3, 2, 2, 1]
