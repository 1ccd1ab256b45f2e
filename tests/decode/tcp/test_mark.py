"""Marks: equal packets have equal marks, whatever carried them; others have other ones."""

from __future__ import annotations

from io import BytesIO

import pytest

from harness.capture.block import Interface
from harness.decode.packet.batch import read_batches
from harness.decode.packet.table import PacketTable
from harness.decode.tcp.mark import MarkReader
from tests.packet_builder import build_ethernet, build_ip, build_tcp
from tests.split_capture import build_pcap

CLIENT, SERVER = ("203.0.113.5", 50000), ("10.20.0.10", 443)
HELLO = bytes((0x16, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3)) + bytes(range(32)) + bytes(20)


def _read(stream: BytesIO) -> list[tuple[int, ...]]:
    """Row, ends, direction, key, kind of hello and random of each packet, in order."""
    reader, links = MarkReader(), {}
    found: list[tuple[int, ...]] = []
    for item in read_batches(stream, window=1 << 16):
        if isinstance(item, Interface):
            links[item.index] = item.link_type
        elif isinstance(item, PacketTable):
            marks = reader.find(item, links)
            columns = (marks.row, marks.ends, marks.is_rising, marks.key, marks.hello, marks.random)
            found += sorted(zip(*(column.tolist() for column in columns), strict=True))
    return found


def _mark(frame: bytes, *, link_type: int = 1) -> tuple[int, ...]:
    ((_, *marks),) = _read(build_pcap([(0, frame)], link_type=link_type))
    return tuple(marks)


def _frame(data: bytes = b"", *, seq: int = 7, ack: int = 9) -> bytes:
    segment = build_tcp(CLIENT, SERVER, seq=seq, ack=ack, data=data)
    return build_ip(CLIENT[0], SERVER[0], 6, segment)


SAME = {
    "as it is": build_ethernet(_frame(HELLO)),
    "in a VLAN": build_ethernet(_frame(HELLO), tags=b"\x81\x00\x00\x07"),
    "with IP options": build_ethernet(
        build_ip(
            CLIENT[0],
            SERVER[0],
            6,
            build_tcp(CLIENT, SERVER, seq=7, ack=9, data=HELLO),
            options=bytes(4),
        )
    ),
}


@pytest.mark.parametrize("frame", SAME.values(), ids=SAME)
def test_a_packet_is_the_same_whatever_carries_it(frame: bytes) -> None:
    """By tables and with care."""
    assert _mark(frame) == _mark(_frame(HELLO), link_type=101)


DIFFERENT = {
    "sequence number": _frame(b"x" * 100, seq=8),
    "acknowledgment": _frame(b"x" * 100, ack=10),
    "content": _frame(b"x" * 63 + b"y" * 37),
    "size": _frame(b"x" * 101),
}


@pytest.mark.parametrize("packet", DIFFERENT.values(), ids=DIFFERENT)
def test_another_packet_of_the_connection_has_another_key(packet: bytes) -> None:
    """The connection is the same."""
    one, other = _mark(_frame(b"x" * 100), link_type=101), _mark(packet, link_type=101)

    assert one[:2] == other[:2]
    assert one[2] != other[2]


def test_both_directions_are_one_connection() -> None:
    """One of them rises."""
    back = build_ip(SERVER[0], CLIENT[0], 6, build_tcp(SERVER, CLIENT, seq=7, ack=9))
    (ends, rises, *_), (other_ends, other_rises, *_) = (
        _mark(packet, link_type=101) for packet in (_frame(), back)
    )

    assert ends == other_ends
    assert rises != other_rises


def test_a_payload_at_the_very_end_of_the_data_is_read() -> None:
    """Fewer bytes than are looked at stand behind it."""
    long = build_pcap(
        [(0, _frame(b"a" * 9)), (1, _frame(b"b" * 9)), (2, _frame(b"a" * 9))], link_type=101
    )
    first, other, again = (marks[3] for marks in _read(long))

    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("kind", "found"), [(1, 1), (2, 2), (11, 0)], ids=["client", "server", "other"]
)
def test_hellos_are_found_with_their_random(kind: int, found: int) -> None:
    """Whole in one packet; an IPv6 one as well."""
    data = HELLO[:5] + bytes((kind,)) + HELLO[6:]
    ends = ("2001:db8::1", 4000), ("2001:db8::2", 443)
    packet = build_ip(ends[0][0], ends[1][0], 6, build_tcp(*ends, seq=1, data=data))
    (*_, hello, random), (*_, other, other_random) = (
        _mark(frame, link_type=101) for frame in (_frame(data), packet)
    )

    assert (hello, other) == (found, found)
    assert random == other_random
