"""A tiny capture for tests of the command: three TCP packets that nobody described."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address


def tiny_pcap() -> bytes:
    """A classic pcap, little-endian, microseconds, Ethernet: SYN, SYN-ACK, ACK."""
    client, server = (IPv4Address("203.0.113.10"), 40001), (IPv4Address("10.20.1.1"), 443)
    packets = (
        _frame(client, server, 0x02),
        _frame(server, client, 0x12),
        _frame(client, server, 0x10),
    )
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    records = (
        struct.pack("<IIII", 1_000_000, number, len(frame), len(frame)) + frame
        for number, frame in enumerate(packets)
    )
    return head + b"".join(records)


def _frame(
    source: tuple[IPv4Address, int], destination: tuple[IPv4Address, int], flags: int
) -> bytes:
    """Ethernet, IPv4 and TCP without payload; checksums are left 0, as offloading leaves them."""
    tcp = struct.pack("!HHIIBBHHH", source[1], destination[1], 1, 1, 5 << 4, flags, 1024, 0, 0)
    ip = struct.pack(
        "!BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(tcp),
        0,
        0,
        64,
        6,
        0,
        source[0].packed,
        destination[0].packed,
    )
    return b"\x02" * 6 + b"\x04" * 6 + b"\x08\x00" + ip + tcp
