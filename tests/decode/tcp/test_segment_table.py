"""Tests of segment tables: which packets are ordinary TCP, and how they are grouped."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest

from harness.decode.packet.only import Only
from harness.decode.packet.table import PacketTable, read_tables
from harness.decode.tcp.segment_table import find_segments
from tests.packet_builder import Talk, build_capture, build_ethernet, build_ip, build_tcp

CLIENT, SERVER = ("203.0.113.5", 50000), ("10.20.0.10", 443)


def table_of(frames: list[bytes], *, link_type: int = 1) -> PacketTable:
    """The only table of a capture."""
    items = read_tables(build_capture(frames, link_type=link_type), window=1 << 20)
    return next(item for item in items if isinstance(item, PacketTable))


def ip(data: bytes = b"", *, options: bytes = b"", fragment: int = 0, protocol: int = 6) -> bytes:
    """An IPv4 packet with a TCP segment."""
    segment = build_tcp(CLIENT, SERVER, seq=1, data=data)
    return build_ip(CLIENT[0], SERVER[0], protocol, segment, options=options, fragment=fragment)


@pytest.mark.parametrize(
    "odd",
    [
        build_ethernet(ip(options=bytes(4))),
        build_ethernet(ip(fragment=0x2000)),
        build_ethernet(ip(protocol=17)),
        build_ethernet(ip(), tags=b"\x81\x00\x00\x05"),
        build_ethernet(ip(), ether_type=0x0806),
        build_ethernet(ip(bytes(100)))[:-1],
        build_ethernet(ip())[:40],
        b"",
    ],
    ids=["options", "fragment", "udp", "vlan", "arp", "cut", "cut header", "empty"],
)
def test_what_is_not_ordinary_is_named(odd: bytes) -> None:
    """Rows for careful decoding, beside an ordinary packet."""
    segments, others = find_segments(table_of([odd, build_ethernet(ip(b"x"))]), {0: 1})

    assert others.tolist() == [0]
    assert segments is not None
    assert segments.row.tolist() == [1]
    assert segments.size.tolist() == [1]


@pytest.mark.parametrize(
    ("link_type", "head"),
    [
        (1, bytes(12) + b"\x08\0"),
        (113, bytes(14) + b"\x08\0"),
        (276, b"\x08\0" + bytes(18)),
        (101, b""),
    ],
    ids=["ethernet", "sll", "sll2", "raw"],
)
def test_payloads_are_found_on_every_known_link(link_type: int, head: bytes) -> None:
    """Place and size of the bytes, not counting what pads the frame."""
    table = table_of([head + ip(b"hello") + bytes(9)], link_type=link_type)

    segments, _ = find_segments(table, {0: link_type})

    assert segments is not None
    place, size = int(segments.place[0]), int(segments.size[0])
    assert bytes(table.data[place : place + size]) == b"hello"


def test_links_of_one_table_are_told_apart() -> None:
    """By interface: a packet of an unknown link is named, and each payload is found behind its own header."""
    stream = BytesIO()
    stream.write(build_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
    for link_type in (1, 147, 101):
        stream.write(build_block(1, struct.pack("<HHI", link_type, 0, 0)))
    for index, frame in ((2, ip(b"raw")), (0, build_ethernet(ip(b"ether"))), (1, ip(b"what"))):
        head = struct.pack("<IIIII", index, 0, 0, len(frame), len(frame))
        stream.write(build_block(6, head + frame + bytes(-len(frame) % 4)))
    items = read_tables(BytesIO(stream.getvalue()), window=1 << 20)
    table = next(item for item in items if isinstance(item, PacketTable))

    segments, others = find_segments(table, {0: 1, 1: 147, 2: 101})

    assert segments is not None
    found = {
        row: bytes(table.data[place : place + size])
        for row, place, size in zip(segments.row, segments.place, segments.size, strict=True)
    }
    assert found == {0: b"raw", 1: b"ether"}
    assert others.tolist() == [2]


def build_block(kind: int, body: bytes) -> bytes:
    """A pcapng block."""
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def test_groups_are_connections_in_file_order() -> None:
    """Both directions together, whatever lies between them."""
    one, two = Talk(client=("203.0.113.5", 1)).open(), Talk(client=("203.0.113.5", 2)).open()
    frames = [frame for pair in zip(one.frames, two.frames, strict=True) for frame in pair]

    segments, _ = find_segments(table_of(frames), {0: 1})

    assert segments is not None
    groups = [part.tolist() for part in np.split(segments.row, segments.start[1:])]
    assert sorted(groups) == [[0, 2, 4], [1, 3, 5]]
    assert segments.group.tolist() == [0, 0, 0, 1, 1, 1]


def test_unwanted_ports_are_left_out() -> None:
    """Neither a segment nor a row for careful decoding."""
    frames = [
        *Talk(client=("203.0.113.5", 1)).open().frames,
        *Talk(server=("1.1.1.1", 9)).open().frames,
    ]

    segments, others = find_segments(table_of(frames), {0: 1}, Only(ports=frozenset({9})))

    assert segments is not None
    assert sorted(segments.row.tolist()) == [3, 4, 5]
    assert others.tolist() == []


def test_an_unknown_link_is_left_to_careful_decoding() -> None:
    """All rows are named."""
    segments, others = find_segments(table_of([bytes(60), bytes(60)]), {0: 147})

    assert segments is None
    assert others.tolist() == [0, 1]


def test_no_packets_no_table() -> None:
    """A file without packets has none."""
    assert not [i for i in read_tables(BytesIO(b""), window=100) if isinstance(i, PacketTable)]
