"""Excerpts: what is told of some packets is what is told of them when all are read."""

from __future__ import annotations

import random
from io import BytesIO
from pathlib import Path

import pytest

from harness.decode.connections import SMALL
from harness.decode.decode import decode
from harness.decode.excerpt import Excerpt, decode_excerpt
from harness.report.packet_lines import tell_packets
from harness.trace.packet import PacketNumber
from tests.packet_builder import build_ethernet, build_ip, build_tcp
from tests.split_capture import build_pcap

CAPTURES = sorted((Path(__file__).parents[2] / "captures").glob("*.pcapng"))


def _excerpt(data: bytes, numbers: list[int], *, small: int) -> tuple[Excerpt, str]:
    wanted = [PacketNumber(number) for number in numbers]
    excerpt = decode_excerpt(BytesIO(data), frozenset(wanted), small=small)
    return excerpt, tell_packets(excerpt.trace, wanted)


def _whole(data: bytes, numbers: list[int]) -> str:
    return tell_packets(decode(BytesIO(data)), [PacketNumber(number) for number in numbers])


@pytest.mark.parametrize("small", [0, 1 << 40], ids=["by tables", "singly"])
@pytest.mark.parametrize("file", CAPTURES, ids=lambda path: path.stem)
def test_any_packets_are_told_as_when_all_are_read(file: Path, small: int) -> None:
    """All of them, some, the last one."""
    data = file.read_bytes()
    count = len(decode(BytesIO(data)).packets)
    chance = random.Random(file.name)
    some = sorted(chance.sample(range(1, count + 1), 7))
    for numbers in (list(range(1, count + 1)), some, [count], [some[0]]):
        excerpt, told = _excerpt(data, numbers, small=small)

        assert told == _whole(data, numbers)
        assert excerpt.packet_count == count


@pytest.mark.parametrize("small", [0, SMALL], ids=["by tables", "singly"])
def test_a_fragment_is_told_with_the_ports_of_its_datagram(small: int) -> None:
    """The one with the ports is not wanted."""
    segment = build_tcp(("203.0.113.5", 5000), ("10.0.0.1", 443), seq=1, data=bytes(40))
    parts = (segment[:32], 0x2000), (segment[32:], 4)
    frames = [
        build_ethernet(build_ip("203.0.113.5", "10.0.0.1", 6, part, fragment=bits))
        for part, bits in reversed(parts)
    ]
    data = build_pcap(enumerate(frames)).getvalue()
    _, told = _excerpt(data, [1], small=small)

    assert told == _whole(data, [1])
    assert "203.0.113.5:5000 > 10.0.0.1:443" in told


def test_little_is_kept() -> None:
    """Of all packets the first and the wanted ones; of all connections theirs."""
    data = CAPTURES[0].read_bytes()
    whole = decode(BytesIO(data))
    connection = whole.connections[-1]
    excerpt, _ = _excerpt(data, [connection.packets[0]], small=0)

    assert [p.number for p in excerpt.trace.packets] == [1, connection.packets[0]]
    assert [c.number for c in excerpt.trace.connections] == [connection.number]


@pytest.mark.parametrize("small", [0, SMALL], ids=["by tables", "singly"])
@pytest.mark.parametrize("data", [b"", b"GIF89a"], ids=["empty", "gif"])
def test_what_is_no_capture_has_no_packets(data: bytes, small: int) -> None:
    """And says why."""
    excerpt = decode_excerpt(BytesIO(data), frozenset((PacketNumber(1),)), small=small)

    assert (excerpt.packet_count, len(excerpt.trace.packets)) == (0, 0)
    assert excerpt.trace.damage
