"""Tests of link types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.packet.frame import FrameDecoder
from harness.decode.packet.link import find_payload
from tests.packet_builder import build_ip, build_tcp

IP4, IP6 = b"\x45" + bytes(19), b"\x60" + bytes(39)
MACS = bytes(12)
SNAP = b"\xaa\xaa\x03\0\0\0"


@pytest.mark.parametrize(
    ("link_type", "head", "payload", "ether_type", "wire_type"),
    [
        (1, MACS + b"\x08\x00", IP4, 0x0800, 0x0800),
        (1, MACS + b"\x86\xdd", IP6, 0x86DD, 0x86DD),
        (1, MACS + b"\x81\x00\x00\x07\x08\x00", IP4, 0x0800, 0x0800),
        (1, MACS + b"\x88\xa8\x00\x07\x81\x00\x00\x08\x08\x00", IP4, 0x0800, 0x0800),
        (1, MACS + b"\x88\x47\x00\x01\x00\xff\x00\x01\x01\xff", IP4, 0x0800, 0x8847),
        (113, bytes(14) + b"\x08\x00", IP4, 0x0800, 0x0800),
        (276, b"\x86\xdd" + bytes(18), IP6, 0x86DD, 0x86DD),
        (0, b"\x02\0\0\0", IP4, 0x0800, None),
        (0, b"\0\0\0\x1e", IP6, 0x86DD, None),
        (108, b"\0\0\0\x02", IP4, 0x0800, None),
        (101, b"", IP6, 0x86DD, None),
        (228, b"", IP4, 0x0800, None),
        (229, b"", IP6, 0x86DD, None),
        (9, b"\xff\x03\x00\x21", IP4, 0x0800, None),
        (9, b"\x00\x57", IP6, 0x86DD, None),
        (239, b"\x02\0\0\0\x08\0\x01\0abcd\x18\0\x09\0", IP4, 0x0800, None),
        (239, b"\x02\0\0\0\0\x08\0\x01abcd\0\x18\0\x09", IP4, 0x0800, None),
        (9, b"\x21", IP4, 0x0800, None),
        (50, b"\xff\x03\x00\x57", IP6, 0x86DD, None),
        (204, b"\x01\xff\x03\x00\x21", IP4, 0x0800, None),
        (51, b"\x11\x00\x00\x07\x00\x16\x00\x21", IP4, 0x0800, None),
        (1, MACS + b"\x88\x64\x11\x00\x00\x07\x00\x16\x00\x21", IP4, 0x0800, 0x8864),
        (104, b"\x0f\0\x08\0", IP4, 0x0800, 0x0800),
        (1, MACS + b"\x00\x1c\xaa\xaa\x03\0\0\0\x08\x00", IP4, 0x0800, 0x0800),
        (1, MACS + b"\x88\xe7\0\0\0\x05" + MACS + b"\x08\x00", IP4, 0x0800, 0x0800),
        (1, MACS + b"\x89\x26\0\0\0\0\x81\x00\x00\x07\x86\xdd", IP6, 0x86DD, 0x86DD),
        (1, MACS + b"\x89\x3f" + bytes(6) + b"\x08\x00", IP4, 0x0800, 0x0800),
        (105, b"\x08\x01" + bytes(22) + SNAP + b"\x08\x00", IP4, 0x0800, 0x0800),
        (105, b"\x88\x03" + bytes(30) + SNAP + b"\x86\xdd", IP6, 0x86DD, 0x86DD),
        (105, b"\x88\x81" + bytes(28) + SNAP + b"\x08\x00", IP4, 0x0800, 0x0800),
        (127, b"\0\0\x0a\0abcdef\x08\x01" + bytes(22) + SNAP + b"\x08\x00", IP4, 0x0800, 0x0800),
        (192, b"\0\0\x08\0i\0\0\0\x08\x02" + bytes(22) + SNAP + b"\x08\x00", IP4, 0x0800, 0x0800),
        (100, SNAP + b"\x08\x00", IP4, 0x0800, 0x0800),
        (10, bytes(13) + SNAP + b"\x08\x00", IP4, 0x0800, 0x0800),
        (6, bytes(14) + SNAP + b"\x08\x00", IP4, 0x0800, 0x0800),
        (
            6,
            bytes(8) + b"\x80" + bytes(5) + b"\x04\0\0\0" + SNAP + b"\x86\xdd",
            IP6,
            0x86DD,
            0x86DD,
        ),
        (109, bytes(12), IP4, 0x0800, None),
        (117, b"\x3d" + bytes(63), IP6, 0x86DD, None),
        (107, b"\x18\x41\x03\xcc", IP4, 0x0800, None),
    ],
    ids=[
        "Ethernet",
        "Ethernet IPv6",
        "VLAN",
        "QinQ",
        "MPLS",
        "SLL",
        "SLL2",
        "NULL",
        "NULL of the other order",
        "LOOP",
        "raw",
        "raw IPv4",
        "raw IPv6",
        "PPP",
        "bare PPP",
        "NFLOG",
        "NFLOG of the other order",
        "PPP with a short protocol",
        "PPP in HDLC",
        "PPP with direction",
        "PPPoE without Ethernet",
        "PPPoE",
        "Cisco HDLC",
        "SNAP",
        "802.1ah",
        "VN-Tag",
        "E-TAG",
        "802.11",
        "802.11 between two access points",
        "802.11 with HT control",
        "radiotap",
        "PPI",
        "ATM",
        "FDDI",
        "token ring",
        "token ring with routing",
        "IPsec device",
        "packet filter log",
        "frame relay",
    ],
)
def test_the_network_layer_is_found(
    link_type: int, head: bytes, payload: bytes, ether_type: int, wire_type: int | None
) -> None:
    """Its offset is the size of the link header; cut anywhere before it, there is a note."""
    found = find_payload(link_type, head + payload)

    assert (found.ether_type, found.offset, found.wire_type) == (ether_type, len(head), wire_type)
    assert found.note is None


@pytest.mark.parametrize(
    ("link_type", "data", "note"),
    [
        (147, bytes(60), "link type 147"),
        (1, MACS, "cut link header of 12 bytes"),
        (1, MACS + b"\x81\x00\x00", "cut VLAN tag"),
        (1, MACS + b"\x88\x47\x00\x01\x00\xff", "cut MPLS label"),
        (101, b"", "cut link header of 0 bytes"),
        (101, b"\x30", "bad IP version 3"),
        (0, b"\x07\0\0\0", "address family 7"),
        (9, b"\xc0\x21", "PPP protocol 0xc021"),
        (105, b"\x80\0" + bytes(40), "802.11: no data frame"),
        (105, b"\x08\x41" + bytes(40), "802.11: encrypted"),
        (105, b"\x48\x01" + bytes(22), "802.11: data frame without data"),
        (105, b"\x88\x01" + bytes(22) + b"\x80\0" + bytes(40), "802.11: several frames in one"),
        (100, b"\xfe\xfe\x03" + bytes(9), "IEEE 802.2 service 0xfe"),
        (239, b"\x02\0\0\0\x08\0\x01\0abcd", "no payload in the netfilter log"),
    ],
)
def test_what_is_not_found_is_said(link_type: int, data: bytes, note: str) -> None:
    """The note names the value."""
    assert find_payload(link_type, data).note == note


@given(st.integers(0, 300), st.binary(max_size=64))
def test_nothing_raises(link_type: int, data: bytes) -> None:
    """Any bytes of any link give an offset inside the frame, or behind its last byte."""
    assert 0 <= find_payload(link_type, data).offset <= len(data)


ETHER_TYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}


@st.composite
def link_heads(draw: st.DrawFn, version: int) -> tuple[int, bytes]:
    """A link type, and a header of it before a packet of that IP version."""
    kind = ETHER_TYPE[version]
    tags = draw(st.lists(st.sampled_from([b"\x81\0", b"\x88\xa8", b"\x91\0"]), max_size=3))
    tagged = b"".join(tag + draw(st.binary(min_size=2, max_size=2)) for tag in tags) + kind
    family = draw(
        st.sampled_from([b"\x02"] if version == 4 else [b"\x0a", b"\x18", b"\x1c", b"\x1e"])
    )
    ppp = b"\x00\x21" if version == 4 else b"\x00\x57"
    extra = draw(st.lists(st.tuples(st.integers(1, 8), st.binary(max_size=9)), max_size=3))
    log = b"".join(
        (len(value) + 4).to_bytes(2, "little")
        + number.to_bytes(2, "little")
        + value
        + bytes(-len(value) % 4)
        for number, value in extra
    )
    return draw(
        st.sampled_from(
            [
                (1, draw(st.binary(min_size=12, max_size=12)) + tagged),
                (113, draw(st.binary(min_size=14, max_size=14)) + tagged),
                (276, kind + draw(st.binary(min_size=18, max_size=18))),
                (0, family + bytes(3)),
                (108, bytes(3) + family),
                (101, b""),
                (12, b""),
                (228 if version == 4 else 229, b""),
                (9, ppp),
                (9, b"\xff\x03" + ppp),
                (50, b"\xff\x03" + ppp[1:]),
                (51, b"\x11\0\0\1" + draw(st.sampled_from([b"\0\0", b"\5\xdc"])) + ppp),
                (239, b"\x02\0\0\0" + log + b"\x18\0\x09\0"),
            ]
        )
    )


@given(st.sampled_from([4, 6]), st.data(), st.binary(max_size=60), st.binary(max_size=12))
def test_every_link_carries_the_same_segment(
    version: int, data: st.DataObject, payload: bytes, padding: bytes
) -> None:
    """Whatever stands before the packet and behind it."""
    ends = ("10.0.0.1", "10.0.0.2") if version == 4 else ("2001:db8::1", "2001:db8::2")
    segment = build_tcp((ends[0], 5000), (ends[1], 443), seq=9, data=payload)
    link_type, head = data.draw(link_heads(version))
    frame = head + build_ip(*ends, 6, segment) + padding
    packet, found = FrameDecoder().decode(
        link_type, frame, number=1, time_ns=0, tap="t", size=len(frame)
    )

    assert found is not None, packet.note
    assert (found.seq, found.data, found.size) == (9, payload, len(payload))
    assert (str(found.flow.src), found.flow.dst_port) == (ends[0], 443)
