"""Frames: what scapy reads in them, and that it would have built the same."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from scapy.layers.inet import IP as ScapyIp
from scapy.layers.inet import TCP as ScapyTcp
from scapy.layers.l2 import Ether

from harness.world.wire.sim_frame import (
    ACK,
    FIN,
    PSH,
    RST,
    SYN,
    Segment,
    build_frame,
    build_packet,
    build_refusal,
    compute_checksum,
)

ONE, OTHER = int(IPv4Address("10.20.1.1")), int(IPv4Address("203.0.113.10"))
SYN_SEGMENT = Segment(ONE, 40000, OTHER, 443, 0xFFFFFFFF, 0, SYN, 64240, b"", 1460, 7)
DATA = Segment(ONE, 40000, OTHER, 443, 7, 9, ACK | PSH, 501, b"odd")

PACKETS = [
    pytest.param(SYN_SEGMENT, id="SYN"),
    pytest.param(DATA, id="data"),
    pytest.param(Segment(ONE, 1, OTHER, 2, 3, 4, FIN | ACK, 0, bytes(1460)), id="full"),
]


@pytest.mark.parametrize("packet", PACKETS)
def test_scapy_would_build_the_same(packet: Segment) -> None:
    """Taken apart, stripped of lengths and checksums, and put together again."""
    data = build_packet(packet, identification=4711)

    read = ScapyIp(data)
    assert read.id == 4711
    for layer, fields in (
        (ScapyIp, ("len", "chksum")),
        (ScapyTcp, ("chksum", "dataofs")),
    ):
        if read.haslayer(layer):
            for field in fields:
                delattr(read[layer], field)
    assert bytes(read) == data


def test_options_and_numbers_arrive() -> None:
    """What scapy reads is what was meant."""
    read = ScapyIp(build_packet(SYN_SEGMENT, identification=0))[ScapyTcp]

    assert (read.sport, read.dport, read.seq, str(read.flags)) == (40000, 443, 0xFFFFFFFF, "S")
    assert dict(read.options)["MSS"] == 1460
    assert dict(read.options)["WScale"] == 7


def test_frames_carry_both_macs() -> None:
    """Destination first."""
    frame = build_frame(
        build_packet(DATA, identification=0), source_mac=b"\2_from", destination_mac=b"\2_dest"
    )

    assert (frame[:6], frame[6:12]) == (b"\2_dest", b"\2_from")
    assert Ether(frame)[ScapyTcp].load == b"odd"


def test_a_sum_of_nothing_is_zero() -> None:
    """The two forms of zero in one's complement are not mixed up."""
    assert compute_checksum(b"\xff\xff") == 0
    assert compute_checksum(b"\x00\x01") == 0xFFFE
    assert compute_checksum(b"\x01") == 0xFEFF


def test_a_refusal_answers_what_was_sent() -> None:
    """With the number that the sender expects (RFC 9293 section 3.10.7.1)."""
    to_syn = build_refusal(SYN_SEGMENT)
    to_data = build_refusal(DATA)

    assert (to_syn.seq, to_syn.ack, to_syn.flags) == (0, 0, RST | ACK)
    assert (to_data.seq, to_data.flags) == (9, RST)
    assert (to_data.source, to_data.source_port) == (OTHER, 443)
