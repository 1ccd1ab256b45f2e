"""Frames of the simulated wire: Ethernet, IPv4 and IPv6, TCP, UDP and ICMP, with true lengths and checksums.

Built here and not by scapy, which takes about a hundred times as long (docs/adr/0007-own-frames.md).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from harness.world.wire.sim_address import IPV6

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
TCP, UDP, ICMP = 6, 17, 1
_ICMPV6 = 58
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
_UDP = struct.Struct("!HHHH")


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


@dataclass(slots=True)
class Datagram:
    """One UDP datagram, or (protocol ICMP) an ICMP message of its family whose `payload` is all of it."""

    source: int
    destination: int
    protocol: int
    payload: bytes
    source_port: int = 0
    destination_port: int = 0


Packet = Segment | Datagram


def compute_checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071): the sum of 16 bit words is the number modulo 65535."""
    if len(data) & 1:
        data += b"\0"
    return -int.from_bytes(data, "big") % 0xFFFF


def ip_bytes(address: int) -> int:
    """Bytes of the IP header of packets to and from an address."""
    return _IPV6_BYTES if address >= IPV6 else IP_BYTES


def _pseudo(packet: Packet, protocol: int, size: int) -> bytes:
    """What a checksum covers besides the packet itself (RFC 9293 section 3.1, RFC 8200 section 8.1)."""
    if packet.source < IPV6:
        return _PSEUDO.pack(packet.source, packet.destination, protocol, size)
    return _ends_6(packet) + _PSEUDO_6.pack(size, protocol)


def _ends_6(packet: Packet) -> bytes:
    source, destination = packet.source & _ADDRESS_6, packet.destination & _ADDRESS_6
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
    pseudo = _pseudo(segment, TCP, size + len(segment.payload))
    total = compute_checksum(b"".join((pseudo, head, segment.payload)))
    return b"".join((head[:16], total.to_bytes(2, "big"), head[18:], segment.payload))


def _build_datagram(datagram: Datagram) -> bytes:
    if datagram.protocol == ICMP:
        return _build_icmp(datagram)
    size = _UDP.size + len(datagram.payload)
    head = (datagram.source_port, datagram.destination_port, size)
    pseudo = _pseudo(datagram, UDP, size)
    total = compute_checksum(pseudo + _UDP.pack(*head, 0) + datagram.payload)
    # RFC 768: a checksum of 0 says that there is none.
    return _UDP.pack(*head, total or 0xFFFF) + datagram.payload


def _build_icmp(message: Datagram) -> bytes:
    """ICMPv4 is whole; of ICMPv6 the checksum covers the addresses (RFC 4443 section 2.3)."""
    if message.source < IPV6:
        return message.payload
    pseudo = _pseudo(message, _ICMPV6, len(message.payload))
    total = compute_checksum(pseudo + message.payload)
    return message.payload[:2] + total.to_bytes(2, "big") + message.payload[4:]


def build_packet(packet: Packet, *, identification: int) -> bytes:
    """An IPv4 packet, never to be fragmented (RFC 791 section 3.1), or an IPv6 one (RFC 8200 section 3)."""
    if packet.source >= IPV6:
        return _build_packet_6(packet)
    is_tcp = isinstance(packet, Segment)
    body = _build_tcp(packet) if isinstance(packet, Segment) else _build_datagram(packet)
    protocol = TCP if is_tcp else packet.protocol  # type: ignore[union-attr]
    before = (0x45, 0, IP_BYTES + len(body), identification, _DO_NOT_FRAGMENT, _TTL, protocol)
    ends = (packet.source, packet.destination)
    total = compute_checksum(_IP.pack(*before, 0, *ends))
    return _IP.pack(*before, total, *ends) + body


def _build_packet_6(packet: Packet) -> bytes:
    if isinstance(packet, Segment):
        protocol, body = TCP, _build_tcp(packet)
    else:
        protocol = _ICMPV6 if packet.protocol == ICMP else packet.protocol
        body = _build_datagram(packet)
    head = struct.pack("!IHBB", 6 << 28, len(body), protocol, _TTL)
    return head + _ends_6(packet) + body


def build_frame(packet: bytes, *, source_mac: bytes, destination_mac: bytes) -> bytes:
    """An Ethernet frame around an IP packet, without check sequence."""
    ether_type = _ETHERNET_IPV4 if packet[0] >> 4 == 4 else _ETHERNET_IPV6
    return b"".join((destination_mac, source_mac, ether_type, packet))


def build_unreachable(packet: bytes, *, code: int) -> bytes:
    """The ICMP message "destination unreachable" about a packet (RFC 792, RFC 4443 section 3.1).

    Code 3 of IPv4 and code 4 of IPv6 say that nobody listens at that port. The IPv6 checksum comes with the addresses.
    """
    if packet[0] >> 4 == 6:
        return struct.pack("!BBHI", 1, code, 0, 0) + packet[:1232]
    quoted = packet[:548]
    head = struct.pack("!BBHI", 3, code, 0, 0)
    total = compute_checksum(head + quoted)
    return struct.pack("!BBHI", 3, code, total, 0) + quoted


def build_refusal(segment: Segment) -> Segment:
    """RST for a segment that belongs to no connection (RFC 9293 section 3.10.7.1)."""
    ends = (segment.destination, segment.destination_port, segment.source, segment.source_port)
    if segment.flags & ACK:
        return Segment(*ends, segment.ack, 0, RST, 0)
    return Segment(*ends, 0, (segment.seq + segment.length) % (1 << 32), RST | ACK, 0)
