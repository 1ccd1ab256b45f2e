"""One packet of the capture: the facts of its Ethernet, IP and transport headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from harness.net.address import Address, Endpoint

PacketNumber = NewType("PacketNumber", int)
"""1-based over the whole file, as Wireshark counts frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Source and destination of one packet; ports are 0 where the protocol has none."""

    src: Address
    dst: Address
    protocol: int
    """IP protocol number: 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6."""
    src_port: int = 0
    dst_port: int = 0

    @property
    def source(self) -> Endpoint:
        """The sending endpoint."""
        return Endpoint(self.src, self.src_port)

    @property
    def destination(self) -> Endpoint:
        """The receiving endpoint."""
        return Endpoint(self.dst, self.dst_port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One captured frame."""

    number: PacketNumber
    time_ns: int
    """Nanoseconds since the epoch."""
    tap: str
    """Name of the capture interface: a segment (`dmz`) or a node's loopback (`node1.lo`)."""
    size: int
    """Bytes on the wire."""
    ether_type: int | None
    """None where the link has no such field or the frame is too short."""
    flow: Flow | None = None
    """None: not IP (ARP, sentinel), or its IP header cannot be read (then `note` says why)."""
    tcp_flags: int | None = None
    """The nine flag bits as in RFC 9293: FIN 1, SYN 2, RST 4, PSH 8, ACK 16."""
    payload_size: int = 0
    """Bytes above the transport header, from the IP length (not from the frame's)."""
    icmp_type: int | None = None
    quoted: Flow | None = None
    """The packet an ICMP error complains about."""
    note: str | None = None
    """What could not be understood: `fragment`, `cut by snaplen`, `bad IPv4 header length 3`."""
