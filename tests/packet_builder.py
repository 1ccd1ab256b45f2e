"""Packets for the tests: Ethernet frames of TCP talks, byte by byte, and capture files of them.

Nothing of the harness is used here except the writer, so an error in decode cannot hide in its own tests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from io import BytesIO
from ipaddress import ip_address

from harness.capture.writer import PcapngWriter

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
START_NS = 1_790_000_000_000_000_000
STEP_NS = 1_000_000
"""One millisecond between packets."""


def build_tcp(
    src: tuple[str, int],
    dst: tuple[str, int],
    *,
    seq: int,
    ack: int = 0,
    flags: int = ACK,
    data: bytes = b"",
    options: bytes = b"",
) -> bytes:
    """A TCP segment without IP header; the checksum is left out, as offload leaves it."""
    head = struct.pack(
        ">HHIIHHHH",
        src[1],
        dst[1],
        seq & 0xFFFFFFFF,
        ack & 0xFFFFFFFF,
        (5 + len(options) // 4) << 12 | flags,
        65535,
        0,
        0,
    )
    return head + options + data


def build_ip(
    src: str, dst: str, protocol: int, payload: bytes, *, options: bytes = b"", fragment: int = 0
) -> bytes:
    """An IPv4 or IPv6 packet, by the family of the addresses."""
    one, two = ip_address(src), ip_address(dst)
    if one.version == 6:
        return (
            struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
            + one.packed
            + two.packed
            + payload
        )
    size = 20 + len(options) + len(payload)
    first = 0x45 + len(options) // 4
    head = struct.pack(">BBHHHBBH", first, 0, size, 7, fragment, 64, protocol, 0)
    return head + one.packed + two.packed + options + payload


def build_ethernet(payload: bytes, *, ether_type: int | None = None, tags: bytes = b"") -> bytes:
    """A frame, padded to 60 bytes as a network card does."""
    kind = ether_type or (0x86DD if payload[0] >> 4 == 6 else 0x0800)
    frame = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02" + tags + kind.to_bytes(2, "big") + payload
    return frame.ljust(60, b"\0")


class Talk:
    """A TCP conversation; every method appends one frame (or several) to `frames` and gives the talk back."""

    def __init__(
        self,
        client: tuple[str, int] = ("203.0.113.5", 50000),
        server: tuple[str, int] = ("10.20.0.10", 443),
        *,
        client_isn: int = 1000,
        server_isn: int = 9000,
    ) -> None:
        """Begin with the two initial sequence numbers."""
        self.client, self.server = client, server
        self.next = {"client": client_isn, "server": server_isn}
        self.frames: list[bytes] = []

    def open(self) -> Talk:
        """The three-way handshake."""
        self.packet("client", flags=SYN, ack=0)
        self.next["client"] += 1
        self.packet("server", flags=SYN | ACK)
        self.next["server"] += 1
        return self.packet("client")

    def send(self, side: str, data: bytes, *, size: int | None = None) -> Talk:
        """Data in segments of `size` bytes, not acknowledged yet."""
        step = size or max(len(data), 1)
        for begin in range(0, len(data), step):
            part = data[begin : begin + step]
            self.packet(side, flags=ACK | PSH, data=part)
            self.next[side] += len(part)
        return self

    def close(self) -> Talk:
        """FIN both ways, both acknowledged."""
        self.packet("client", flags=FIN | ACK)
        self.next["client"] += 1
        self.packet("server", flags=FIN | ACK)
        self.next["server"] += 1
        return self.packet("client")

    def packet(
        self,
        side: str,
        *,
        flags: int = ACK,
        data: bytes = b"",
        seq: int | None = None,
        ack: int | None = None,
    ) -> Talk:
        """One packet with the present numbers, or with others."""
        src, dst = (self.client, self.server) if side == "client" else (self.server, self.client)
        other = "server" if side == "client" else "client"
        segment = build_tcp(
            src,
            dst,
            seq=self.next[side] if seq is None else seq,
            ack=self.next[other] if ack is None else ack,
            flags=flags,
            data=data,
        )
        self.frames.append(build_ethernet(build_ip(src[0], dst[0], 6, segment)))
        return self


def build_capture(
    frames: Iterable[bytes], *, tap: str = "dmz", keys: bytes = b"", link_type: int = 1
) -> BytesIO:
    """A pcapng file of one tap, rewound."""
    stream = BytesIO()
    writer = PcapngWriter(stream)
    index = writer.write_interface(tap, link_type=link_type)
    if keys:
        writer.write_secrets(keys)
    for number, frame in enumerate(frames):
        writer.write_packet(index, START_NS + number * STEP_NS, frame)
    stream.seek(0)
    return stream
