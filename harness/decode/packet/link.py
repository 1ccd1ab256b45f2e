"""Link: where the network layer begins in a frame, and what it is, for the link types of ordinary captures.

Numbers of link types: the tcpdump group's registry (LINKTYPE_...).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

ETHER_IPV4 = 0x0800
ETHER_IPV6 = 0x86DD
_VLANS = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
ETHER_MPLS = frozenset({0x8847, 0x8848})
_SERVICE = 0x88E7
"""IEEE 802.1ah: service tag of 4 bytes, then a whole Ethernet frame."""
_TAGS = {0x8926: 4, 0x893F: 6, 0x8909: 6}
"""Bytes between the type and the next one: VN-Tag, IEEE 802.1BR E-TAG, Cisco metadata."""
_PPPOE_SESSION = 0x8864
_SNAP = b"\xaa\xaa\x03\0\0\0"
"""IEEE 802.2 LLC and SNAP with an Ethernet type (RFC 1042)."""
_MAX_LABELS = 8
"""VLAN tags or MPLS labels on one frame."""

_MAX_LENGTH = 1500
"""IEEE 802.3 section 3.2.6: up to here the field is a length, not a type."""

NULL = 0
ETHERNET = 1
TOKEN_RING = 6
PPP = 9
FDDI = 10
PPP_HDLC = 50
PPP_ETHER = 51
"""PPPoE session packets without their Ethernet header."""
ATM = 100
C_HDLC = 104
IEEE_802_11 = 105
FRAME_RELAY = 107
RAW_IP = 101
RAW = frozenset({12, 14, RAW_IP})
LOOP = 108
ENC = 109
SLL = 113
PFLOG = 117
RADIOTAP = 127
PPI = 192
PPP_WITH_DIR = 204
IPV4 = 228
IPV6 = 229
NFLOG = 239
SLL2 = 276
MPLS = -1
"""No link type of files: what some tunnels carry begins with a label."""

_ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
_FAMILY_IPV6 = frozenset({10, 23, 24, 28, 30})
"""AF_INET6 of Linux, Windows, NetBSD/OpenBSD, FreeBSD, macOS; AF_INET is 2 everywhere."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What is behind the link header."""

    ether_type: int | None
    """0x0800 or 0x86dd also where the link says it in its own way; None: cannot be told."""
    offset: int
    wire_type: int | None
    """The Ethernet type as it stands in the frame; None where the link has no such field."""
    note: str | None = None
    end: int | None = None
    """Where the link's own length says that it ends, what is behind being padding; None: it says nothing."""


def find_payload(link_type: int, data: bytes) -> Payload:
    """Where the network layer of a frame begins; the note says why it could not be found."""
    payload = _find_common(link_type, data)
    if payload is None:
        payload = _find_rare(link_type, data)
    return payload or Payload(None, 0, None, f"link type {link_type}")


def _find_common(link_type: int, data: bytes) -> Payload | None:
    if link_type == ETHERNET:
        return _find_ethernet(data, 12)
    if link_type == SLL:
        return _find_ethernet(data, 14)
    if link_type == SLL2:
        return (
            _find_tagged(data, int.from_bytes(data[:2], "big"), 20)
            if len(data) >= 20
            else _cut(data)
        )
    if link_type in RAW or link_type in (IPV4, IPV6):
        return _find_ip(data, 0)
    if link_type in (NULL, LOOP):
        return _find_family(data)
    if link_type in (PPP, PPP_HDLC):
        return _find_ppp(data, 0)
    if link_type == PPP_WITH_DIR:
        return _find_ppp(data, 1)
    if link_type == PPP_ETHER:
        return _find_pppoe(data, None, 0)
    if link_type == C_HDLC:
        return _find_ethernet(data, 2)
    if link_type == NFLOG:
        return _find_nflog(data)
    return None


def _find_rare(link_type: int, data: bytes) -> Payload | None:
    if link_type == MPLS:
        return _find_mpls(data, None, 0)
    if link_type == IEEE_802_11:
        return _find_wireless(data, 0)
    if link_type == RADIOTAP:
        return _find_wireless(data, int.from_bytes(data[2:4], "little"))
    if link_type == PPI and int.from_bytes(data[4:8], "little") == IEEE_802_11:
        return _find_wireless(data, int.from_bytes(data[2:4], "little"))
    if link_type == ATM:
        return _find_snap(data, 0)
    if link_type == FDDI:
        return _find_snap(data, 13)
    if link_type == TOKEN_RING:
        # IEEE 802.5: the first bit of the source tells that routing follows; its size is in its first byte.
        routing = data[14] & 0x1F if len(data) > 14 and data[8] & 0x80 else 0
        return _find_snap(data, 14 + routing)
    if link_type == ENC:
        return _find_ip(data, 12)
    if link_type == PFLOG:
        # The first byte is the size of the header, which is filled up to whole words.
        return _find_ip(data, data[0] + 3 & ~3) if data else _cut(data)
    if link_type == FRAME_RELAY:
        # RFC 2427 section 4: address, control, protocol; or SNAP.
        kind = data[3:4]
        return _find_ip(data, 4) if kind in (b"\xcc", b"\x8e") else None
    return None


def _find_snap(data: bytes, offset: int) -> Payload:
    """IEEE 802.2 with an Ethernet type (RFC 1042)."""
    if len(data) < offset + len(_SNAP) + 2:
        return _cut(data)
    if not data.startswith(_SNAP, offset):
        return Payload(None, 0, None, f"IEEE 802.2 service {data[offset]:#04x}")
    return _find_ethernet(data, offset + len(_SNAP))


def _find_wireless(data: bytes, offset: int) -> Payload:
    """IEEE 802.11 section 9.2: data frames in the clear; the header grows by what its flags say."""
    if len(data) < offset + 2:
        return _cut(data)
    control, flags = data[offset], data[offset + 1]
    if control & 0x0C != 0x08:
        return Payload(None, 0, None, "802.11: no data frame")
    if flags & 0x40:
        return Payload(None, 0, None, "802.11: encrypted")
    if control & 0x40:
        return Payload(None, 0, None, "802.11: data frame without data")
    size = 24 + 6 * (flags & 3 == 3)
    if control & 0x80:
        is_aggregate = data[offset + size : offset + size + 1] > b"\x7f"
        if is_aggregate:
            return Payload(None, 0, None, "802.11: several frames in one")
        size += 2 + 4 * bool(flags & 0x80)
    return _find_snap(data, offset + size)


def _cut(data: bytes) -> Payload:
    return Payload(None, 0, None, f"cut link header of {len(data)} bytes")


def _find_ethernet(data: bytes, offset: int) -> Payload:
    """The type field at `offset`, and what follows it."""
    if len(data) < offset + 2:
        return _cut(data)
    return _find_tagged(data, int.from_bytes(data[offset : offset + 2], "big"), offset + 2)


def _find_tagged(data: bytes, ether_type: int, offset: int) -> Payload:
    """Step over VLAN tags (IEEE 802.1Q, 802.1ad) and MPLS labels (RFC 3032)."""
    for _ in range(_MAX_LABELS):
        size = 2 if ether_type in _VLANS else _TAGS.get(ether_type)
        if size is None:
            break
        if len(data) < offset + size + 2:
            return Payload(None, 0, ether_type, "cut VLAN tag")
        ether_type = int.from_bytes(data[offset + size : offset + size + 2], "big")
        offset += size + 2
    if ether_type in ETHER_MPLS:
        return _find_mpls(data, ether_type, offset)
    if ether_type == _SERVICE:
        return _find_ethernet(data, offset + 16)
    if ether_type == _PPPOE_SESSION:
        return _find_pppoe(data, ether_type, offset)
    if ether_type <= _MAX_LENGTH and data.startswith(_SNAP, offset):
        return _find_ethernet(data, offset + len(_SNAP))
    return Payload(ether_type, offset, ether_type)


def _find_mpls(data: bytes, ether_type: int | None, offset: int) -> Payload:
    for _ in range(_MAX_LABELS):
        if len(data) < offset + 4:
            return Payload(None, 0, ether_type, "cut MPLS label")
        bottom = data[offset + 2] & 1
        offset += 4
        if bottom:
            found = _find_ip(data, offset)
            return Payload(found.ether_type, offset, ether_type, found.note)
    return Payload(None, 0, ether_type, f"more than {_MAX_LABELS} MPLS labels")


def _find_ip(data: bytes, offset: int) -> Payload:
    """Tell IPv4 from IPv6 by the version, the first half byte of both."""
    if len(data) <= offset:
        return _cut(data)
    version = data[offset] >> 4
    ether_type = {4: ETHER_IPV4, 6: ETHER_IPV6}.get(version)
    return Payload(ether_type, offset, None, None if ether_type else f"bad IP version {version}")


def _find_family(data: bytes) -> Payload:
    """BSD loopback: the address family in the byte order of the machine that captured (LOOP: big-endian)."""
    if len(data) < 4:
        return _cut(data)
    # Families are small numbers, so the other order cannot be mistaken for it.
    family = min(int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big"))
    if family == 2:
        return Payload(ETHER_IPV4, 4, None)
    if family in _FAMILY_IPV6:
        return Payload(ETHER_IPV6, 4, None)
    return Payload(None, 4, None, f"address family {family}")


def _find_pppoe(data: bytes, wire_type: int | None, offset: int) -> Payload:
    """RFC 2516 section 4: version and type, code 0 for a session, session, length."""
    if len(data) < offset + 6:
        return Payload(None, 0, wire_type, "cut PPPoE header")
    if data[offset] != 0x11 or data[offset + 1]:
        return Payload(None, 0, wire_type, f"PPPoE code {data[offset + 1]}")
    size = int.from_bytes(data[offset + 4 : offset + 6], "big")
    found = _find_ppp(data, offset + 6, wire_type)
    # 0 where nobody filled it in, as segmentation offload leaves lengths.
    return replace(found, end=max(offset + 6 + size, found.offset)) if size else found


def _find_ppp(data: bytes, offset: int, wire_type: int | None = None) -> Payload:
    """RFC 1661 section 2, with or without the address and control bytes of RFC 1662."""
    if data.startswith(b"\xff\x03", offset):
        offset += 2
    # RFC 1661 section 6.5: the first byte of the protocol is even, so one that is odd is the only one.
    size = 1 if data[offset : offset + 1] and data[offset] & 1 else 2
    if len(data) < offset + size:
        return _cut(data)
    protocol = int.from_bytes(data[offset : offset + size], "big")
    ether_type = {0x0021: ETHER_IPV4, 0x0057: ETHER_IPV6}.get(protocol)
    note = None if ether_type else f"PPP protocol 0x{protocol:04x}"
    return Payload(ether_type, offset + size, wire_type, note)


def _find_nflog(data: bytes) -> Payload:
    """Linux netfilter log: type, length, value; the payload is type 9, lengths are of the host that captured."""
    for order in _ORDERS:
        offset = 4
        while offset + 4 <= len(data):
            size = int.from_bytes(data[offset : offset + 2], order)
            kind = int.from_bytes(data[offset + 2 : offset + 4], order)
            if size < 4 or kind > 0xFF:
                break  # Not the order of that host.
            if kind == 9:
                return _find_ip(data, offset + 4)
            offset += size + (-size % 4)
    return Payload(None, 0, None, "no payload in the netfilter log")
