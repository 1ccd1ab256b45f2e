"""The clock of one file against another's."""

from __future__ import annotations

import os
from io import BytesIO

import pytest

from harness.decode.event.clock import UNKNOWN_SLACK_NS, Clocks, Offset
from harness.decode.event.sighting import SightingSpool
from harness.decode.event.survey import survey_file
from tests.decode.event.sent_packets import MS, A, B, C, Sent, build_file, hello, send


def _clocks(*files: list[Sent]) -> Clocks:
    """What the files tell, each with one interface."""
    spool = SightingSpool(BytesIO())
    for index, sent in enumerate(files):
        survey_file(build_file(*sent), file=index, first_tap=index, window=1 << 20, spool=spool)
    return Clocks(spool.read(), range(len(files)))


def _estimate(reference: list[Sent], other: list[Sent]) -> Offset | None:
    return _clocks(reference, other).estimate(0, 1)


def test_the_delay_between_two_places_falls_out() -> None:
    """The second file is 5 s ahead; 2 ms pass between the places, either way."""
    first = [send(A, B, 10 * MS, seq=1), send(B, A, 32 * MS, seq=2)]
    second = [send(A, B, 5012 * MS, seq=1), send(B, A, 5030 * MS, seq=2)]

    offset = _estimate(first, second)

    assert offset is not None
    assert (offset.offset_ns, offset.slack_ns) == (-5000 * MS, 2 * MS)
    assert offset.why == "2 packets that both files hold"


def test_what_was_sent_again_tells_nothing() -> None:
    """Nobody knows which copy is which."""
    again = [send(A, B, t * MS) for t in (10, 20)]

    assert _estimate(again, again[1:]) is None


@pytest.mark.parametrize("ahead_ms", [0, 700, -700])
def test_handshakes_that_pass_through_bound_the_clock(ahead_ms: int) -> None:
    """ClientHello in at 10, out at 11; ServerHello in at 15, out at 16."""
    asked, answer = os.urandom(32), os.urandom(32)
    shift = ahead_ms * MS
    outside = [
        send(A, B, 10 * MS, data=hello(1, asked)),
        send(B, A, 16 * MS, data=hello(2, answer)),
    ]
    inside = [
        send(B, C, 11 * MS + shift, data=hello(1, asked)),
        send(C, B, 15 * MS + shift, data=hello(2, answer)),
    ]

    for one, other, sign in ((outside, inside, -1), (inside, outside, 1)):
        offset = _estimate(one, other)
        assert offset is not None
        assert abs(offset.offset_ns - sign * shift) <= offset.slack_ns <= 2 * MS


def test_handshakes_that_disagree_say_so() -> None:
    """A clock that jumps: the slack covers both."""
    segments: list[tuple[Sent, Sent]] = []
    for port, shift in ((4000, 0), (4001, 50 * MS)):
        for kind, times in ((1, (10, 11)), (2, (16, 15))):
            data = hello(kind, os.urandom(32))
            ends = ((A, B), (B, C)) if kind == 1 else ((B, A), (C, B))
            segments.append(
                (
                    send(*ends[0], times[0] * MS, data=data, port=port),
                    send(*ends[1], times[1] * MS + shift, data=data, port=port),
                )
            )
    offset = _estimate([s[0] for s in segments], [s[1] for s in segments])

    assert offset is not None
    assert offset.why.endswith("disagree")
    assert offset.slack_ns >= 48 * MS


@pytest.mark.parametrize(
    ("ahead_ms", "offset_ms", "slack_ms"), [(0, 0, 9), (700, -699, 8), (-700, 701, 8)]
)
def test_what_the_other_file_acknowledges_bounds_the_clock(
    ahead_ms: int, offset_ms: int, slack_ms: int
) -> None:
    """A direction each: 4 bytes at 10 are answered at 17, and the answer is acknowledged at 26."""
    shift = ahead_ms * MS
    up = [
        send(A, B, 10 * MS, seq=100, data=b"abcd"),
        send(A, B, 26 * MS, seq=104, ack=503),
    ]
    down = [send(B, A, 17 * MS + shift, seq=500, ack=104, data=b"xyz")]

    offset = _estimate(up, down)

    assert offset is not None
    assert (offset.offset_ns, offset.slack_ns) == (offset_ms * MS, slack_ms * MS)
    assert offset.why == "2 packets of one file that the other acknowledges"


def test_acknowledgments_of_one_way_alone_do_not_bound_it() -> None:
    """The clock could be anything later."""
    up = [send(A, B, 10 * MS, seq=100, data=b"abcd")]
    down = [send(B, A, 17 * MS, seq=500, ack=104)]

    assert _estimate(up, down) is None


def test_files_are_placed_along_a_chain() -> None:
    """The third file knows only the second; the fourth nobody."""
    first = [send(A, B, 10 * MS, seq=1)]
    second = [send(A, B, 30 * MS, seq=1), send(B, C, 40 * MS, seq=2)]
    third = [send(B, C, 100 * MS, seq=2)]
    fourth = [send(A, C, 10 * MS, seq=9)]

    offsets = _clocks(first, third, second, fourth).place(4)

    assert [o.offset_ns for o in offsets] == [0, -80 * MS, -20 * MS, 0]
    assert [o.slack_ns for o in offsets] == [0, 0, 0, UNKNOWN_SLACK_NS]


def test_a_pair_of_files_is_one_however_many_others_there_are() -> None:
    """Some packets of the first file are in the second, others not: with the third it still shares one connection."""
    first = [send(A, B, n * MS, seq=n) for n in range(1, 8)]
    third = [send(A, B, (n + 10 * n) * MS, seq=n) for n in range(1, 8)]
    alone, beside = _clocks(first, third), _clocks(first, first[::2], third)

    assert alone.estimate(0, 1) == beside.estimate(0, 2)
    assert alone.estimate(1, 0) == beside.estimate(2, 0)
