"""Tests of packets inside packets: each kind of tunnel round the same TCP segment, by the layouts of its standard."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.packet.carried import find_tunnel
from harness.decode.packet.frame import FrameDecoder, Segment
from harness.trace.packet import Packet
from tests.packet_builder import ACK, build_ethernet, build_ip, build_tcp

OUTER = ("192.0.2.1", "192.0.2.2")
A, B = ("10.0.0.1", 50000), ("10.0.0.2", 443)
A6, B6 = ("2001:db8::1", 50000), ("2001:db8::2", 443)
IP4 = build_ip(A[0], B[0], 6, build_tcp(A, B, seq=7, flags=ACK | 8, data=b"hello"))
IP6 = build_ip(A6[0], B6[0], 6, build_tcp(A6, B6, seq=7, flags=ACK | 8, data=b"hello"))
FRAME = build_ethernet(IP4)
LABEL = b"\x00\x01\x01\xff"


def udp(port: int, payload: bytes, *, source: int = 40000) -> bytes:
    """A UDP datagram between the ends of the tunnel."""
    head = struct.pack(">HHHH", source, port, 8 + len(payload), 0)
    return build_ip(*OUTER, 17, head + payload)


def gre(flags: int, kind: int, payload: bytes) -> bytes:
    """A GRE packet; `payload` begins with the optional fields."""
    return build_ip(*OUTER, 47, struct.pack(">HH", flags, kind) + payload)


def decode(packet: bytes, *, link_type: int = 1) -> tuple[Packet, Segment | None]:
    """One IP packet in a frame, by a new decoder."""
    frame = build_ethernet(packet) if link_type == 1 else packet
    return FrameDecoder().decode(link_type, frame, number=1, time_ns=5, tap="dmz", size=len(frame))


VXLAN = b"\x08\0\0\0\0\0\x2a\0"
GENEVE = b"\0\0\x65\x58\0\0\x07\0"
KINDS = {
    "IPv4 in IPv4": (build_ip(*OUTER, 4, IP4), "IP"),
    "IPv6 in IPv4": (build_ip(*OUTER, 41, IP6), "IP"),
    "IPv4 in IPv6": (build_ip("2001:db8::8", "2001:db8::9", 4, IP4), "IP"),
    "MPLS in IP": (build_ip(*OUTER, 137, LABEL + IP4), "MPLS"),
    "GRE": (gre(0, 0x0800, IP4), "GRE"),
    "GRE, IPv6": (gre(0, 0x86DD, IP6), "GRE"),
    "GRE, all fields": (gre(0xB000, 0x0800, bytes(12) + IP4), "GRE"),
    "GRE, Ethernet": (gre(0x2000, 0x6558, bytes(4) + FRAME), "GRE"),
    "GRE, MPLS": (gre(0, 0x8847, LABEL + IP4), "GRE"),
    "GRE, PPTP": (gre(0x3081, 0x880B, bytes(12) + b"\xff\x03\x00\x21" + IP4), "GRE"),
    "ERSPAN I": (gre(0, 0x88BE, FRAME), "ERSPAN"),
    "ERSPAN II": (gre(0x1000, 0x88BE, bytes(12) + FRAME), "ERSPAN"),
    "ERSPAN III": (gre(0x1000, 0x22EB, bytes(16) + FRAME), "ERSPAN"),
    "ERSPAN III, long": (gre(0x1000, 0x22EB, bytes(15) + b"\1" + bytes(8) + FRAME), "ERSPAN"),
    "GRE in UDP": (udp(4754, b"\0\0\x08\0" + IP4), "GRE"),
    "MPLS in UDP": (udp(6635, LABEL + IP6), "MPLS"),
    "VXLAN": (udp(4789, VXLAN + FRAME), "VXLAN 42"),
    "VXLAN of Linux": (udp(8472, VXLAN + FRAME), "VXLAN 42"),
    "VXLAN-GPE": (udp(4790, b"\x0c\0\0\x01\0\0\x2a\0" + IP4), "VXLAN 42"),
    "Geneve": (udp(6081, GENEVE + FRAME), "Geneve 7"),
    "Geneve, options": (udp(6081, b"\x02" + GENEVE[1:] + bytes(8) + FRAME), "Geneve 7"),
    "GTP-U": (udp(2152, b"\x30\xff\0\x2d\0\0\0\x01" + IP4), "GTP-U"),
    "GTP-U, sequence": (udp(2152, b"\x32\xff\0\x31\0\0\0\x01\0\x05\0\0" + IP4), "GTP-U"),
    "GTP-U, extension": (
        udp(2152, b"\x34\xff\0\x35\0\0\0\x01\0\0\0\x85" + b"\x01\x10\x01\0" + IP4),
        "GTP-U",
    ),
    "Teredo": (udp(3544, IP6), "Teredo"),
    "Teredo, origin": (udp(3544, bytes(8) + IP6), "Teredo"),
    "Teredo, both": (udp(3544, b"\0\1\0\0" + bytes(9) + bytes(8) + IP6), "Teredo"),
    "L2TP": (udp(1701, b"\0\2\0\1\0\2\xff\x03\x00\x21" + IP4, source=1701), "L2TP"),
    "L2TP, all fields": (
        udp(1701, b"\x4a\2\0\x50\0\1\0\2" + bytes(4) + b"\0\1x\xff\x03\x00\x57" + IP6),
        "L2TP",
    ),
}


@pytest.mark.parametrize(("packet", "named"), KINDS.values(), ids=KINDS)
def test_tcp_in_a_tunnel_is_followed(packet: bytes, named: str) -> None:
    """The segment is the inner one and says through what it came; the packet stays the outer one."""
    found, segment = decode(packet)

    assert segment is not None
    assert (segment.carried_in, segment.data, segment.seq) == (named, b"hello", 7)
    assert str(segment.flow.source.address) in (A[0], A6[0])
    assert found.flow is not None
    assert str(found.flow.src) in ("192.0.2.1", "2001:db8::8")
    assert found.note is None


@pytest.mark.parametrize(("packet", "named"), KINDS.values(), ids=KINDS)
def test_a_cut_tunnel_is_no_error(packet: bytes, named: str) -> None:
    """Cut anywhere: no segment, or one that says that bytes are missing."""
    del named
    for size in range(len(packet)):
        frame = b"\x02" * 12 + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0") + packet[:size]
        _, segment = FrameDecoder().decode(
            1, frame, number=1, time_ns=5, tap="dmz", size=14 + len(packet)
        )
        assert segment is None or (segment.size == 5 and b"hello".startswith(segment.data))


def test_tunnels_inside_one_another_are_named_from_outside() -> None:
    """As deep as four; what is deeper is not followed."""
    packet = IP4
    depths = []
    for _ in range(6):
        packet = build_ip(*OUTER, 4, packet)
        _, segment = decode(packet)
        depths.append(segment.carried_in if segment is not None else None)

    assert depths == ["IP", "IP, IP", "IP, IP, IP", "IP, IP, IP, IP", None, None]
    _, mixed = decode(udp(4789, VXLAN + build_ethernet(gre(0, 0x0800, IP4))))
    assert mixed is not None
    assert mixed.carried_in == "VXLAN 42, GRE"


def test_fragments_of_a_tunnel_are_put_together() -> None:
    """The outer datagram in two parts, as where the tunnel makes packets too long."""
    whole = build_ip(*OUTER, 47, b"\0\0\x08\0" + IP4 + bytes(4))[20:]
    decoder = FrameDecoder()
    parts = [
        build_ip(*OUTER, 47, whole[:32], fragment=0x2000),
        build_ip(*OUTER, 47, whole[32:], fragment=32 // 8),
    ]
    found = [
        decoder.decode(101, part, number=n, time_ns=n, tap="dmz", size=len(part))
        for n, part in enumerate(parts, 1)
    ]

    segment = found[1][1]
    assert found[0][0].note == "fragment"
    assert segment is not None
    assert (segment.data, segment.carried_in, segment.earlier) == (b"hello", "GRE", (1,))


@pytest.mark.parametrize(
    "packet",
    [
        udp(4789, b"\0" * 8 + FRAME),
        udp(2152, b"\x32\x01\0\x04\0\0\0\0\0\0\0\0"),
        udp(53, VXLAN + FRAME),
        gre(0x4000, 0x0800, IP4),
        gre(2, 0x0800, IP4),
        gre(0, 0x1234, IP4),
        udp(1701, b"\xc8\2\0\x0c" + bytes(8)),
        build_ip(*OUTER, 50, IP4),
    ],
    ids=["no VNI", "echo", "DNS", "routing", "version", "protocol", "control", "ESP"],
)
def test_what_is_no_payload_is_not_followed(packet: bytes) -> None:
    """Control messages, unknown protocols, other ports, encrypted ones."""
    assert decode(packet)[1] is None


@pytest.mark.parametrize(
    ("protocol", "port", "named"),
    [
        (47, 0, "GRE tunnel, nothing followed in it"),
        (4, 0, "IPv4 inside IP, nothing followed in it"),
        (17, 4789, "VXLAN tunnel (UDP port 4789), nothing followed in it"),
        (17, 2152, "GTP-U tunnel (UDP port 2152), nothing followed in it"),
        (50, 0, "ESP: encrypted by IPsec"),
        (17, 53, None),
        (1, 0, None),
    ],
)
def test_tunnels_are_named(protocol: int, port: int, named: str | None) -> None:
    """What is skipped may hide connections: the reason says so."""
    payload = struct.pack(">HHHH", 40000, port, 8, 0)
    packet, _ = decode(build_ip(*OUTER, protocol, payload))

    assert packet.flow is not None
    assert find_tunnel(packet.flow) == named


@given(
    st.sampled_from([4, 41, 47, 137, 17]),
    st.sampled_from([1701, 2152, 3544, 4754, 4789, 4790, 6081, 6635, 8472]),
    st.binary(max_size=120),
)
def test_nothing_raises(protocol: int, port: int, noise: bytes) -> None:
    """Any bytes in any tunnel: a packet, and perhaps a segment with bytes of its frame."""
    packet = udp(port, noise) if protocol == 17 else build_ip(*OUTER, protocol, noise)
    _, segment = decode(packet)

    assert segment is None or segment.data in packet
