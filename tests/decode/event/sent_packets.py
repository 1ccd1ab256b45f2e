"""Packets of a few machines, and files of them with times in nanoseconds."""

from __future__ import annotations

from io import BytesIO

from tests.packet_builder import build_ethernet, build_ip, build_tcp
from tests.split_capture import build_pcap

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
MS = 1_000_000

Sent = tuple[int, bytes]
"""Time and frame."""


def send(
    src: str,
    dst: str,
    time_ns: int,
    *,
    seq: int = 1,
    ack: int = 1,
    data: bytes = b"",
    port: int = 4000,
) -> Sent:
    """One TCP packet; whoever has the lower address is the client."""
    ports = (port, 443) if src < dst else (443, port)
    segment = build_tcp((src, ports[0]), (dst, ports[1]), seq=seq, ack=ack, data=data)
    return time_ns, build_ethernet(build_ip(src, dst, 6, segment))


def hello(kind: int, random: bytes) -> bytes:
    """A record with a ClientHello (1) or ServerHello (2), as far as anybody looks."""
    return bytes((0x16, 3, 1, 0, 60, kind, 0, 0, 56, 3, 3)) + random + bytes(20)


def build_file(*sent: Sent) -> BytesIO:
    """A pcap file; its clock begins where that of the packets is at -10 s."""
    return build_pcap((time_ns + 10_000 * MS, frame) for time_ns, frame in sent)
