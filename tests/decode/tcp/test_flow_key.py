"""Tests of the key of a connection."""

from __future__ import annotations

from dataclasses import replace

from harness.decode.packet.frame import FrameDecoder, Segment
from harness.decode.tcp.flow_key import find_key
from tests.packet_builder import Talk


def segments() -> list[Segment]:
    """SYN, SYN-ACK, ACK."""
    frames = FrameDecoder()
    found = [
        frames.decode(1, frame, number=n, time_ns=n, tap="dmz", size=len(frame))[1]
        for n, frame in enumerate(Talk().open().frames, 1)
    ]
    return [segment for segment in found if segment is not None]


def test_both_directions_have_one_key() -> None:
    """Whoever sent the packet; on another tap it is another connection."""
    one, two, _ = segments()

    assert find_key("dmz", one) == find_key("dmz", two)
    assert find_key("dmz", one) != find_key("lan", one)


def test_what_runs_in_a_tunnel_is_apart() -> None:
    """The same ends inside and outside are two connections."""
    one = segments()[0]

    assert find_key("dmz", replace(one, carried_in="GRE")) != find_key("dmz", one)
