"""Carried: the packet inside a packet. Tunnels over IP and UDP whose payload is not encrypted, by their standards.

GRE RFC 2784, 2890 and 2637; ERSPAN draft-foschiano-erspan; IP in IP RFC 2003, 2473 and 4213; VXLAN RFC 7348 and
draft-ietf-nvo3-vxlan-gpe; Geneve RFC 8926; GTP-U 3GPP TS 29.281 section 5; Teredo RFC 4380 section 5.1.1; L2TP RFC 2661
section 3.1; MPLS over IP and UDP RFC 4023 and 7510; AH RFC 4302 is no tunnel and not here. What is wrong is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from harness.decode.packet.link import (
    ETHER_IPV4,
    ETHER_IPV6,
    ETHER_MPLS,
    ETHERNET,
    MPLS,
    PPP,
    RAW_IP,
)
from harness.trace.packet import Flow

UDP = 17
_GRE, _ESP, _L2TP_V3 = 47, 50, 115

_ETHER_LINKS: Mapping[int, int] = {
    ETHER_IPV4: RAW_IP,
    ETHER_IPV6: RAW_IP,
    **dict.fromkeys(ETHER_MPLS, MPLS),
    0x6558: ETHERNET,  # Transparent Ethernet Bridging
    0x880B: PPP,
}
"""Link types by the Ethernet type that a tunnel's header names."""
_MAX_EXTENSIONS = 8


class Carried(NamedTuple):
    """A packet that another one carries."""

    tunnel: str
    """Its kind, and the number of the network where both directions have the same: `VXLAN 42`."""
    link_type: int
    offset: int
    """In the payload of the outer packet (for UDP: behind the UDP header)."""


def find_carried(flow: Flow, data: bytes) -> Carried | None:
    """What the payload of an IP packet, or of a UDP datagram, carries; None: no tunnel that can be followed.

    Args:
        flow: Of the outer packet.
        data: Behind its IP header; for UDP behind the UDP header.
    """
    if flow.protocol != UDP:
        found = _BY_PROTOCOL.get(flow.protocol)
    else:
        found = _BY_PORT.get(flow.dst_port) or _BY_PORT.get(flow.src_port)
    return found[1](data) if found is not None else None


def find_tunnel(flow: Flow) -> str | None:
    """The kind of tunnel that a packet belongs to, where it is known by its protocol or port."""
    if flow.protocol != UDP:
        found = _BY_PROTOCOL.get(flow.protocol)
        if found is not None:
            return f"{found[0]}, nothing followed in it"
        return _CLOSED.get(flow.protocol)
    for port in (flow.dst_port, flow.src_port):
        if port in _BY_PORT:
            return f"{_BY_PORT[port][0]} (UDP port {port}), nothing followed in it"
    return None


def _number(data: bytes, offset: int, size: int) -> int:
    return int.from_bytes(data[offset : offset + size], "big")


def _read_ip(data: bytes) -> Carried | None:
    return Carried("IP", RAW_IP, 0) if data else None


def _read_mpls(data: bytes) -> Carried | None:
    return Carried("MPLS", MPLS, 0) if data else None


def _read_gre(data: bytes) -> Carried | None:
    """Flags, version, protocol; checksum, key and sequence number where the flags say so."""
    if len(data) < 4:
        return None
    flags, kind = _number(data, 0, 2), _number(data, 2, 2)
    version = flags & 7
    if version > 1 or flags & 0x4000:
        return None  # RFC 2784 section 2.3: source routing is no more.
    offset = 4 + 4 * bool(flags & 0x8000) + 4 * bool(flags & 0x2000) + 4 * bool(flags & 0x1000)
    offset += 4 * bool(version and flags & 0x80)
    if kind == 0x88BE:
        # Type I of ERSPAN has no header and no sequence number; type II has one of 8 bytes.
        return Carried("ERSPAN", ETHERNET, offset + 8 * bool(flags & 0x1000))
    if kind == 0x22EB:
        # Type III: 12 bytes, and 8 more where its last bit says so.
        return Carried("ERSPAN", ETHERNET, offset + 12 + 8 * (_number(data, offset + 11, 1) & 1))
    link = _ETHER_LINKS.get(kind)
    return Carried("GRE", link, offset) if link is not None else None


def _read_vxlan(data: bytes) -> Carried | None:
    """Flags (the network identifier is valid), reserved, identifier."""
    if len(data) < 8 or not data[0] & 0x08:
        return None
    link = ETHERNET
    if data[0] & 0x04:
        # Generic protocol extension: the fourth byte says what follows.
        found = {1: RAW_IP, 2: RAW_IP, 3: ETHERNET, 5: MPLS}.get(data[3])
        if found is None:
            return None
        link = found
    return Carried(f"VXLAN {_number(data, 4, 3)}", link, 8)


def _read_geneve(data: bytes) -> Carried | None:
    """Version, size of the options in 4 bytes, flags, protocol, network identifier."""
    if len(data) < 8 or data[0] & 0xC0:
        return None
    link = _ETHER_LINKS.get(_number(data, 2, 2))
    if link is None:
        return None
    return Carried(f"Geneve {_number(data, 4, 3)}", link, 8 + 4 * (data[0] & 0x3F))


def _read_gtp(data: bytes) -> Carried | None:
    """Version 1, a G-PDU; the tunnels of both directions have other numbers."""
    if len(data) < 8 or data[0] & 0xF0 != 0x30 or data[1] != 0xFF:
        return None
    offset = 8
    if data[0] & 0x07:
        following = _number(data, 11, 1) if data[0] & 0x04 else 0
        offset = 12
        for _ in range(_MAX_EXTENSIONS):
            size = 4 * _number(data, offset, 1)
            if not following or not size:
                break
            following = _number(data, offset + size - 1, 1)
            offset += size
    return Carried("GTP-U", RAW_IP, offset)


def _read_teredo(data: bytes) -> Carried | None:
    """Authentication and origin, either of which may be there, before the IPv6 packet."""
    offset = 0
    if data[:2] == b"\0\1" and len(data) >= 4:
        offset = 13 + data[2] + data[3]
    if data[offset : offset + 2] == b"\0\0":
        offset += 8
    if not data[offset : offset + 1] or data[offset] >> 4 != 6:
        return None
    return Carried("Teredo", RAW_IP, offset)


def _read_l2tp(data: bytes) -> Carried | None:
    """Version 2, a data message: flags, length, tunnel and session, sequence numbers, offset."""
    if len(data) < 6:
        return None
    flags = _number(data, 0, 2)
    if flags & 0x8000 or flags & 0x0F != 2:
        return None
    offset = 6 + 2 * bool(flags & 0x4000) + 4 * bool(flags & 0x0800)
    if flags & 0x0200:
        offset += 2 + _number(data, offset, 2)
    return Carried("L2TP", PPP, offset)


_Read = Callable[[bytes], Carried | None]
_BY_PROTOCOL: Mapping[int, tuple[str, _Read]] = {
    4: ("IPv4 inside IP", _read_ip),
    41: ("IPv6 inside IP", _read_ip),
    _GRE: ("GRE tunnel", _read_gre),
    137: ("MPLS inside IP", _read_mpls),
}
_BY_PORT: Mapping[int, tuple[str, _Read]] = {
    1701: ("L2TP tunnel", _read_l2tp),
    2152: ("GTP-U tunnel", _read_gtp),
    3544: ("Teredo tunnel", _read_teredo),
    4754: ("GRE in UDP", _read_gre),
    4789: ("VXLAN tunnel", _read_vxlan),
    4790: ("VXLAN tunnel", _read_vxlan),
    6081: ("Geneve tunnel", _read_geneve),
    6635: ("MPLS in UDP", _read_mpls),
    8472: ("VXLAN tunnel", _read_vxlan),
}
_CLOSED: Mapping[int, str] = {
    _ESP: "ESP: encrypted by IPsec",
    94: "IP inside IP, not followed",
    _L2TP_V3: "L2TP tunnel, not followed",
}
"""Those that are named and not followed."""
