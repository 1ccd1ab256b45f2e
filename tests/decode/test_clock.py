"""The clock of one file against another's."""

from __future__ import annotations

import os
from ipaddress import ip_address

import pytest

from harness.decode.clock import UNKNOWN_SLACK_NS, Sightings, estimate, place
from harness.decode.packet.frame import ACK, Segment
from harness.net.address import Address
from harness.trace.packet import Flow, PacketNumber

A, B, C = (ip_address(f"10.0.0.{n}") for n in (1, 2, 3))
MS = 1_000_000


def _segment(
    src: Address,
    dst: Address,
    time_ns: int,
    *,
    seq: int = 1,
    ack: int = 1,
    data: bytes = b"",
    port: int = 4000,
) -> Segment:
    ports = (port, 443) if src < dst else (443, port)  # type: ignore[operator] # all of one version
    return Segment(
        number=PacketNumber(1),
        time_ns=time_ns,
        flow=Flow(src=src, dst=dst, protocol=6, src_port=ports[0], dst_port=ports[1]),
        source=src.packed + ports[0].to_bytes(2),
        destination=dst.packed + ports[1].to_bytes(2),
        seq=seq,
        ack=ack,
        flags=ACK,
        data=data,
        size=len(data),
    )


def _sightings(*segments: Segment) -> Sightings:
    sightings = Sightings()
    for segment in segments:
        sightings.add(segment)
    return sightings


def _hello(kind: int, random: bytes) -> bytes:
    return bytes((0x16, 3, 1, 0, 60, kind, 0, 0, 56, 3, 3)) + random + bytes(20)


def test_the_delay_between_two_places_falls_out() -> None:
    """The second file is 5 s ahead; 2 ms pass between the places, either way."""
    first = _sightings(_segment(A, B, 10 * MS, seq=1), _segment(B, A, 32 * MS, seq=2))
    second = _sightings(_segment(A, B, 5012 * MS, seq=1), _segment(B, A, 5030 * MS, seq=2))

    offset = estimate(first, second)

    assert offset is not None
    assert (offset.offset_ns, offset.slack_ns) == (-5000 * MS, 2 * MS)
    assert offset.why == "2 packets that both files hold"


def test_what_was_sent_again_tells_nothing() -> None:
    """Nobody knows which copy is which."""
    again = [_segment(A, B, t * MS) for t in (10, 20)]

    assert estimate(_sightings(*again), _sightings(again[1])) is None


@pytest.mark.parametrize("ahead_ms", [0, 700, -700])
def test_handshakes_that_pass_through_bound_the_clock(ahead_ms: int) -> None:
    """ClientHello in at 10, out at 11; ServerHello in at 15, out at 16."""
    hello, answer = os.urandom(32), os.urandom(32)
    shift = ahead_ms * MS
    outside = _sightings(
        _segment(A, B, 10 * MS, data=_hello(1, hello)),
        _segment(B, A, 16 * MS, data=_hello(2, answer)),
    )
    inside = _sightings(
        _segment(B, C, 11 * MS + shift, data=_hello(1, hello)),
        _segment(C, B, 15 * MS + shift, data=_hello(2, answer)),
    )

    for one, other, sign in ((outside, inside, -1), (inside, outside, 1)):
        offset = estimate(one, other)
        assert offset is not None
        assert abs(offset.offset_ns - sign * shift) <= offset.slack_ns <= 2 * MS


def test_handshakes_that_disagree_say_so() -> None:
    """A clock that jumps: the slack covers both."""
    segments: list[tuple[Segment, Segment]] = []
    for port, shift in ((4000, 0), (4001, 50 * MS)):
        for kind, times in ((1, (10, 11)), (2, (16, 15))):
            data = _hello(kind, os.urandom(32))
            ends = ((A, B), (B, C)) if kind == 1 else ((B, A), (C, B))
            segments.append(
                (
                    _segment(*ends[0], times[0] * MS, data=data, port=port),
                    _segment(*ends[1], times[1] * MS + shift, data=data, port=port),
                )
            )
    offset = estimate(_sightings(*(s[0] for s in segments)), _sightings(*(s[1] for s in segments)))

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
    up = _sightings(
        _segment(A, B, 10 * MS, seq=100, data=b"abcd"), _segment(A, B, 26 * MS, seq=104, ack=503)
    )
    down = _sightings(_segment(B, A, 17 * MS + shift, seq=500, ack=104, data=b"xyz"))

    offset = estimate(up, down)

    assert offset is not None
    assert (offset.offset_ns, offset.slack_ns) == (offset_ms * MS, slack_ms * MS)
    assert offset.why == "2 packets of one file that the other acknowledges"


def test_acknowledgments_of_one_way_alone_do_not_bound_it() -> None:
    """The clock could be anything later."""
    up = _sightings(_segment(A, B, 10 * MS, seq=100, data=b"abcd"))
    down = _sightings(_segment(B, A, 17 * MS, seq=500, ack=104))

    assert estimate(up, down) is None


def test_files_are_placed_along_a_chain() -> None:
    """The third file knows only the second; the fourth nobody."""
    first = _sightings(_segment(A, B, 10 * MS, seq=1))
    second = _sightings(_segment(A, B, 30 * MS, seq=1), _segment(B, C, 40 * MS, seq=2))
    third = _sightings(_segment(B, C, 100 * MS, seq=2))
    fourth = _sightings(_segment(A, C, 10 * MS, seq=9))

    offsets = place((first, third, second, fourth))

    assert [o.offset_ns for o in offsets] == [0, -80 * MS, -20 * MS, 0]
    assert [o.slack_ns for o in offsets] == [0, 0, 0, UNKNOWN_SLACK_NS]
