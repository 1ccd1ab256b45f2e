"""Tests of runs: bytes of several packets."""

from __future__ import annotations

import pytest

from harness.decode.tcp.run import NOTHING, Run, join_runs
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen

NUMBERS = [PacketNumber(n) for n in (4, 7, 9)]
RUN = Run(b"abcdefghi", [3, 5, 9], NUMBERS, [40, 70, 90])


@pytest.mark.parametrize(
    ("begin", "end", "time_ns", "packets"),
    [
        (0, 3, 40, (4,)),
        (0, 4, 70, (4, 7)),
        (3, 5, 70, (7,)),
        (2, 9, 90, (4, 7, 9)),
        (5, 6, 90, (9,)),
    ],
)
def test_bytes_know_their_packets(
    begin: int, end: int, time_ns: int, packets: tuple[int, ...]
) -> None:
    """From the packet with the first byte to that with the last."""
    assert RUN.seen(begin, end) == Seen(
        time_ns=time_ns, packets=tuple(PacketNumber(n) for n in packets)
    )


def test_a_single_packet_is_seen_once() -> None:
    """All its bytes share one observation."""
    run = Run(b"abc", [3], NUMBERS[:1], [40])

    assert run.seen(0, 1) is run.seen(1, 3)
    assert run.seen(0, 3).packets == (4,)


def test_the_pieces_are_the_packets() -> None:
    """In order, each with its own bytes."""
    assert list(RUN.pieces()) == [(b"abc", 4, 40), (b"de", 7, 70), (b"fghi", 9, 90)]


def test_a_part_has_offsets_of_its_own() -> None:
    """Packets 2 and 3 of three."""
    part = RUN.cut(1, 3)

    assert (part.data, part.ends, part.numbers, part.times) == (b"defghi", [2, 6], [7, 9], [70, 90])


@pytest.mark.parametrize(("offset", "index"), [(1, 0), (3, 0), (4, 1), (9, 2)])
def test_the_packet_before_an_offset(offset: int, index: int) -> None:
    """The one that brought the last byte before it."""
    assert RUN.find_packet(offset) == index


@pytest.mark.parametrize(
    ("size", "data", "ends"),
    [
        (None, b"abcdefghi", [3, 5, 9]),
        (99, b"abcdefghi", [3, 5, 9]),
        (6, b"defghi", [2, 6]),
        (5, b"defghi", [2, 6]),
        (4, b"fghi", [4]),
        (1, b"fghi", [4]),
    ],
)
def test_the_last_packets_are_kept(size: int | None, data: bytes, ends: list[int]) -> None:
    """As many as have so many bytes."""
    kept = RUN.keep(size)

    assert (kept.data, kept.ends) == (data, ends)
    assert kept.numbers == NUMBERS[-len(ends) :]
    assert kept.times == RUN.times[-len(ends) :]


def test_runs_are_joined() -> None:
    """Their packets follow one another."""
    joined = join_runs([RUN.cut(0, 1), NOTHING, RUN.cut(1, 3)])

    assert [*joined.pieces()] == [*RUN.pieces()]
