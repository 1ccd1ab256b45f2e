"""Tests of link types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.link import find_payload

IP4, IP6 = b"\x45" + bytes(19), b"\x60" + bytes(39)
MACS = bytes(12)


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
