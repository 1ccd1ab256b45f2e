"""Frames of the simulated wire: Ethernet, IPv4 and IPv6, and TCP, with true lengths and checksums.

Built here and not by scapy, which takes about a hundred times as long (docs/adr/0007-own-frames.md).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from harness.world.wire.sim_address import IPV6

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
TCP = 6
_ETHERNET_IPV4, _ETHERNET_IPV6 = b"\x08\x00", b"\x86\xdd"
ETHERNET_BYTES = 14
IP_BYTES = 20
_IPV6_BYTES = 40
TCP_BYTES = 20
_TTL = 64
_DO_NOT_FRAGMENT = 0x4000

_IP = struct.Struct("!BBHHHBBHII")
_TCP = struct.Struct("!HHIIBBHHH")
_PSEUDO = struct.Struct("!IIHH")
_PSEUDO_6 = struct.Struct("!II")
_ADDRESS_6 = (1 << 128) - 1


@dataclass(slots=True)
class Segment:
    """One TCP segment (RFC 9293 section 3.1); numbers are those of the wire, modulo 2^32."""

    source: int
    """Address as a number (sim_address.py); so is `destination`."""
    source_port: int
    destination: int
    destination_port: int
    seq: int
    ack: int
    flags: int
    window: int
    """As written, not scaled."""
    payload: bytes = b""
    mss: int | None = None
    """Maximum segment size option, on SYN."""
    scale: int | None = None
    """Window scale option, on SYN (RFC 7323 section 2.2)."""

    @property
    def length(self) -> int:
        """Sequence numbers it takes: payload, SYN and FIN."""
        flags = self.flags
        return len(self.payload) + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)


def compute_checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071): the sum of 16 bit words is the number modulo 65535."""
    if len(data) & 1:
        data += b"\0"
    return -int.from_bytes(data, "big") % 0xFFFF


def ip_bytes(address: int) -> int:
    """Bytes of the IP header of packets to and from an address."""
    return _IPV6_BYTES if address >= IPV6 else IP_BYTES


def _pseudo(segment: Segment, size: int) -> bytes:
    """What a checksum covers besides the segment itself (RFC 9293 section 3.1, RFC 8200 section 8.1)."""
    if segment.source < IPV6:
        return _PSEUDO.pack(segment.source, segment.destination, TCP, size)
    return _ends_6(segment) + _PSEUDO_6.pack(size, TCP)


def _ends_6(segment: Segment) -> bytes:
    source, destination = segment.source & _ADDRESS_6, segment.destination & _ADDRESS_6
    return source.to_bytes(16, "big") + destination.to_bytes(16, "big")


def _options(segment: Segment) -> bytes:
    options = b""
    if segment.mss is not None:
        options = struct.pack("!BBH", 2, 4, segment.mss)
    if segment.scale is not None:
        options += struct.pack("!BBBB", 1, 3, 3, segment.scale)
    return options


def _build_tcp(segment: Segment) -> bytes:
    options = _options(segment) if segment.flags & SYN else b""
    size = TCP_BYTES + len(options)
    fields = (segment.source_port, segment.destination_port, segment.seq, segment.ack)
    offset = size << 2
    head = _TCP.pack(*fields, offset, segment.flags, segment.window, 0, 0) + options
    pseudo = _pseudo(segment, size + len(segment.payload))
    total = compute_checksum(b"".join((pseudo, head, segment.payload)))
    return b"".join((head[:16], total.to_bytes(2, "big"), head[18:], segment.payload))


def build_packet(segment: Segment, *, identification: int) -> bytes:
    """An IPv4 packet, never to be fragmented (RFC 791 section 3.1), or an IPv6 one (RFC 8200 section 3)."""
    body = _build_tcp(segment)
    if segment.source >= IPV6:
        return struct.pack("!IHBB", 6 << 28, len(body), TCP, _TTL) + _ends_6(segment) + body
    before = (0x45, 0, IP_BYTES + len(body), identification, _DO_NOT_FRAGMENT, _TTL, TCP)
    ends = (segment.source, segment.destination)
    total = compute_checksum(_IP.pack(*before, 0, *ends))
    return _IP.pack(*before, total, *ends) + body


def build_frame(packet: bytes, *, source_mac: bytes, destination_mac: bytes) -> bytes:
    """An Ethernet frame around an IP packet, without check sequence."""
    ether_type = _ETHERNET_IPV4 if packet[0] >> 4 == 4 else _ETHERNET_IPV6
    return b"".join((destination_mac, source_mac, ether_type, packet))


def build_refusal(segment: Segment) -> Segment:
    """RST for a segment that belongs to no connection (RFC 9293 section 3.10.7.1)."""
    ends = (segment.destination, segment.destination_port, segment.source, segment.source_port)
    if segment.flags & ACK:
        return Segment(*ends, segment.ack, 0, RST, 0)
    return Segment(*ends, 0, (segment.seq + segment.length) % (1 << 32), RST | ACK, 0)
