"""The packet list: columns that give back the packets they were made of."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from harness.trace.packet import Flow, Packet, PacketNumber
from harness.trace.packet_list import Columns, PacketList
from tests.trace_builder import TraceBuilder

FLOW = Flow(
    src=ip_address("10.0.0.1"), dst=ip_address("10.0.0.2"), protocol=6, src_port=1, dst_port=2
)
PLAIN = Packet(number=PacketNumber(1), time_ns=5, tap="dmz", size=60, ether_type=0x0806)

PACKETS = {
    "no flow": PLAIN,
    "no type": replace(PLAIN, ether_type=None),
    "TCP": replace(PLAIN, flow=FLOW, tcp_flags=0x1FF, payload_size=1448),
    "ICMP": replace(PLAIN, flow=FLOW, icmp_type=0),
    "ICMP error": replace(PLAIN, flow=FLOW, icmp_type=3, quoted=FLOW),
    "note": replace(PLAIN, note="cut by snaplen"),
    "beyond all time": replace(PLAIN, time_ns=1 << 80),
    "beyond all size": replace(PLAIN, size=1 << 40, payload_size=1 << 33),
}


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS.keys())
def test_a_packet_comes_back_as_it_was(packet: Packet) -> None:
    """Whatever of it has no column."""
    assert PacketList.of((packet,))[0] == packet


def test_a_list_is_like_a_tuple() -> None:
    """Length, places from both ends, slices, order, equality."""
    packets = tuple(TraceBuilder().packets)
    found = PacketList.of(packets)

    assert (len(found), tuple(found), found[-1], found[1:3]) == (
        len(packets),
        packets,
        packets[-1],
        packets[1:3],
    )
    assert found == packets
    assert found != packets[1:]
    assert PacketList.of(found) is found
    with pytest.raises(IndexError):
        found[len(packets)]


def test_packets_are_found_by_number_where_some_are_missing() -> None:
    """Numbers stay those of the whole file."""
    packets = TraceBuilder().packets
    found = PacketList.of(p for p in packets if p.number != 3)

    assert [found.find(n) for n in (0, 2, 3, 4)] == [None, packets[1], None, packets[3]]
    assert found.find(len(packets) + 1) is None


def test_what_is_learnt_later_takes_the_place() -> None:
    """A fragment has ports once another part of its datagram was seen."""
    columns = Columns()
    columns.add(PACKETS["note"])
    columns.replace(replace(PLAIN, flow=FLOW))
    columns.replace(replace(PLAIN, number=PacketNumber(9)))

    assert tuple(PacketList(columns, file_count=1, last_ns=5)) == (replace(PLAIN, flow=FLOW),)
    assert list(columns.count) == [0, 1]


def test_notes_are_listed_alone() -> None:
    """Packets that were not wholly understood, also one of which nothing fits."""
    odd = replace(PACKETS["note"], number=PacketNumber(2), size=1 << 40)
    found = PacketList.of((PLAIN, odd, replace(PACKETS["ICMP error"], number=PacketNumber(3))))

    assert list(found.with_notes()) == [odd]


def test_the_time_of_the_last_packet_is_known() -> None:
    """0 where there is none."""
    assert PacketList.of((PLAIN,)).last_ns == 5
    assert PacketList.of(()).last_ns == 0
