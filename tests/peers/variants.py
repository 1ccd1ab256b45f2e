"""Variants of a capture that say the same in another way: other files, links, tunnels, addresses, segments and order.

What the peers said to each other does not change, so what is decoded must not change either.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from harness.capture import block as blocks
from harness.capture.pcapng import read_blocks

Order = Literal["<", ">"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame."""

    time_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Recording:
    """Frames of one link type, and the secrets that open them."""

    frames: tuple[Frame, ...]
    secrets: bytes = b""
    link_type: int = 1


Change = Callable[[Recording], Recording]
Form = Callable[[Recording], bytes]


def read_recording(data: bytes) -> Recording:
    """The frames and secrets of a pcapng of one interface."""
    frames, secrets, link = [], b"", 1
    for block in read_blocks(io.BytesIO(data)):
        match block:
            case blocks.Interface():
                link = block.link_type
            case blocks.Capture():
                frames.append(Frame(block.time_ns, block.data))
            case blocks.Keys():
                secrets += block.data
            case _:
                pass
    return Recording(tuple(frames), secrets, link)


# Files


def _block(kind: int, body: bytes, order: Order) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def write_pcapng(
    recording: Recording,
    *,
    order: Order = "<",
    resolution: int = 9,
    keys_last: bool = False,
    section_size: int = 1 << 30,
    strange: bool = False,
) -> bytes:
    """A pcapng: byte order, units of time, where the secrets stand, frames of a section, unknown blocks between."""
    out, frames = [], recording.frames
    secrets = struct.pack(order + "II", 0x544C534B, len(recording.secrets)) + recording.secrets
    for begin in range(0, len(frames), section_size):
        out.append(_block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order))
        units = struct.pack(order + "HHB3xHH", 9, 1, resolution, 0, 0)
        interface = struct.pack(order + "HHI", recording.link_type, 0, 0) + units
        out.append(_block(1, interface, order))
        if recording.secrets and not keys_last and begin == 0:
            out.append(_block(10, secrets, order))
        for number, frame in enumerate(frames[begin : begin + section_size]):
            if strange and number % 3 == 0:
                out.append(_block(0x80000000 | number, b"not known to anybody", order))
            time = frame.time_ns // 10 ** (9 - resolution)
            head = struct.pack(
                order + "IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(frame.data), len(frame.data)
            )
            options = struct.pack(order + "HH4sHH", 1, 4, b"note", 0, 0) if strange else b""
            out.append(_block(6, head + frame.data + bytes(-len(frame.data) % 4) + options, order))
    if recording.secrets and keys_last:
        out.append(_block(10, secrets, order))
    return b"".join(out)


def write_pcap(recording: Recording, *, order: Order = "<", is_nano: bool = False) -> bytes:
    """A pcap; its secrets stay outside."""
    magic = 0xA1B23C4D if is_nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, recording.link_type)]
    for frame in recording.frames:
        seconds, rest = divmod(frame.time_ns, 10**9)
        size = len(frame.data)
        head = struct.pack(order + "IIII", seconds, rest if is_nano else rest // 1000, size, size)
        out.append(head + frame.data)
    return b"".join(out)


FORMS: dict[str, Form] = {
    "big-endian": lambda r: write_pcapng(r, order=">"),
    "microseconds": lambda r: write_pcapng(r, resolution=6),
    "secrets last": lambda r: write_pcapng(r, keys_last=True),
    "sections": lambda r: write_pcapng(r, section_size=5),
    "strange blocks": lambda r: write_pcapng(r, strange=True),
    "gzip": lambda r: gzip.compress(write_pcapng(r), 1),
    "pcap": write_pcap,
    "pcap, big-endian": lambda r: write_pcap(r, order=">"),
    "pcap, nanoseconds": lambda r: write_pcap(r, is_nano=True),
}


# Links and tunnels


def _ip(frame: Frame) -> bytes:
    """The IP packet of an Ethernet frame; sizes of it are right, so padding goes."""
    packet = frame.data[14:]
    return packet[: int.from_bytes(packet[2:4], "big")] if packet[0] >> 4 == 4 else packet


def _wrap(link_type: int, head: bytes) -> Change:
    """IPv4 behind another header."""
    return lambda r: replace(
        r, link_type=link_type, frames=tuple(replace(f, data=head + _ip(f)) for f in r.frames)
    )


def _tunnel(wrap: Callable[[bytes, int], bytes]) -> Change:
    """IP packets of an Ethernet in something that makes them IP packets again."""
    return lambda r: replace(
        r,
        frames=tuple(
            replace(f, data=f.data[:14] + wrap(_ip(f), n)) for n, f in enumerate(r.frames)
        ),
    )


def _outer(protocol: int, payload: bytes, number: int, *, fragment: int = 0) -> bytes:
    head = struct.pack(
        ">BBHHHBBH", 0x45, 0, 20 + len(payload), number & 0xFFFF, fragment, 64, protocol, 0
    )
    return head + b"\xc0\0\2\1\xc0\0\2\2" + payload


def _udp(port: int, payload: bytes, number: int) -> bytes:
    return _outer(17, struct.pack(">HHHH", 49152, port, 8 + len(payload), 0) + payload, number)


MACS = b"\2\0\0\0\0\1\2\0\0\0\0\2"
SNAP = b"\xaa\xaa\3\0\0\0\x08\0"
LINKS: dict[str, Change] = {
    "VLAN": _wrap(1, MACS + b"\x81\0\0\7\x08\0"),
    "QinQ": _wrap(1, MACS + b"\x88\xa8\0\7\x81\0\0\x08\x08\0"),
    "MPLS": _wrap(1, MACS + b"\x88\x47\0\1\1\xff"),
    "PPPoE": _wrap(1, MACS + b"\x88\x64\x11\0\0\7\xff\xff\0\x21"),
    "raw": _wrap(101, b""),
    "raw IPv4": _wrap(228, b""),
    "cooked": _wrap(113, bytes(14) + b"\x08\0"),
    "cooked 2": _wrap(276, b"\x08\0" + bytes(18)),
    "null": _wrap(0, b"\2\0\0\0"),
    "loop": _wrap(108, b"\0\0\0\2"),
    "PPP": _wrap(9, b"\xff\3\0\x21"),
    "Cisco HDLC": _wrap(104, b"\x0f\0\x08\0"),
    "802.11": _wrap(105, b"\x08\1" + bytes(22) + SNAP),
    "radiotap": _wrap(127, b"\0\0\x08\0\0\0\0\0\x08\2" + bytes(22) + SNAP),
    "GRE": _tunnel(lambda ip, n: _outer(47, b"\0\0\x08\0" + ip, n)),
    "IP in IP": _tunnel(lambda ip, n: _outer(4, ip, n)),
    "VXLAN": _tunnel(lambda ip, n: _udp(4789, b"\x08\0\0\0\0\0\x2a\0" + MACS + b"\x08\0" + ip, n)),
    "GTP-U": _tunnel(lambda ip, n: _udp(2152, b"\x30\xff\0\0\0\0\0\1" + ip, n)),
}


# Addresses


def _to_ipv6(extensions: Sequence[tuple[int, bytes]] = ()) -> Change:
    """IPv6 instead of IPv4, with extension headers (their number, and the body behind the first byte)."""

    def change(frame: Frame) -> Frame:
        packet = _ip(frame)
        body, following = packet[(packet[0] & 15) * 4 :], packet[9]
        for kind, header in reversed(extensions):
            body, following = bytes((following,)) + header + body, kind
        prefix = b"\x20\1\x0d\xb8" + bytes(8)
        head = struct.pack(">IHBB", 6 << 28, len(body), following, 64)
        ends = prefix + packet[12:16] + prefix + packet[16:20]
        return replace(frame, data=frame.data[:12] + b"\x86\xdd" + head + ends + body)

    return lambda r: replace(r, frames=tuple(map(change, r.frames)))


ADDRESSES: dict[str, Change] = {
    "IPv6": _to_ipv6(),
    "IPv6, hop by hop and destination": _to_ipv6([(0, b"\0" + bytes(6)), (60, b"\1" + bytes(14))]),
    "IPv6, routing and atomic fragment": _to_ipv6(
        [(43, b"\0" + bytes(6)), (44, b"\0\0\0\0\0\0\7")]
    ),
    "IPv6, authentication": _to_ipv6([(51, b"\4" + bytes(22))]),
}


# Segments


@dataclass(slots=True)
class _Tcp:
    """A TCP segment over IPv4, taken apart."""

    frame: Frame
    ip: bytearray
    head: bytearray
    data: bytes

    @classmethod
    def parse(cls, frame: Frame) -> _Tcp:
        packet = _ip(frame)
        begin = (packet[0] & 15) * 4
        end = begin + (packet[begin + 12] >> 4) * 4
        return cls(frame, bytearray(packet[:begin]), bytearray(packet[begin:end]), packet[end:])

    @property
    def flags(self) -> int:
        return self.head[13]

    def build(self, *, begin: int = 0, end: int | None = None) -> Frame:
        """The frame with a part of its data."""
        data = self.data[begin:end]
        ip, head = bytearray(self.ip), bytearray(self.head)
        struct.pack_into(">H", ip, 2, len(ip) + len(head) + len(data))
        seq = int.from_bytes(head[4:8], "big") + begin
        struct.pack_into(">I", head, 4, seq & 0xFFFFFFFF)
        if end is not None and end < len(self.data):
            head[13] &= ~9  # FIN and PSH belong to the last part.
        return replace(self.frame, data=self.frame.data[:14] + bytes(ip) + bytes(head) + data)


def _each(change: Callable[[_Tcp], Iterable[Frame]]) -> Change:
    return lambda r: replace(
        r, frames=tuple(new for f in r.frames for new in change(_Tcp.parse(f)))
    )


def _split(size: int) -> Change:
    """Every segment in parts of a size."""

    def parts(tcp: _Tcp) -> Iterable[Frame]:
        if len(tcp.data) <= size:
            return (tcp.frame,)
        return [tcp.build(begin=b, end=b + size) for b in range(0, len(tcp.data), size)]

    return _each(parts)


def _shift(recording: Recording) -> Recording:
    """Sequence numbers that wrap in the middle of each connection's first flight."""
    offsets: dict[bytes, int] = {}
    out = []
    for frame in recording.frames:
        tcp = _Tcp.parse(frame)
        one, two = bytes(tcp.ip[12:16] + tcp.head[:2]), bytes(tcp.ip[16:20] + tcp.head[2:4])
        if tcp.flags & 2:
            seq = int.from_bytes(tcp.head[4:8], "big")
            offsets[one + two] = (1 << 32) - 100 - seq
        back = offsets.get(two + one, 0)
        for at, offset in ((4, offsets.get(one + two, 0)), (8, back)):
            value = int.from_bytes(tcp.head[at : at + 4], "big") + offset
            if at == 4 or tcp.flags & 16:
                struct.pack_into(">I", tcp.head, at, value & 0xFFFFFFFF)
        # Options may hold numbers of their own (SACK): gone, as from a network that strips them.
        tcp.head[12] = 5 << 4
        del tcp.head[20:]
        out.append(tcp.build())
    return replace(recording, frames=tuple(out))


def _reorder(recording: Recording) -> Recording:
    """Two segments with data of one sender change places where nothing comes between them."""
    frames = list(_split(300)(recording).frames)
    at = 0
    while at + 1 < len(frames):
        one, two = _Tcp.parse(frames[at]), _Tcp.parse(frames[at + 1])
        if one.data and two.data and one.ip[12:16] + one.head[:4] == two.ip[12:16] + two.head[:4]:
            frames[at], frames[at + 1] = (
                replace(frames[at + 1], time_ns=frames[at].time_ns),
                replace(frames[at], time_ns=frames[at + 1].time_ns),
            )
            at += 1
        at += 1
    return replace(recording, frames=tuple(frames))


def _repeat(recording: Recording) -> Recording:
    """Every segment twice."""
    return replace(recording, frames=tuple(f for frame in recording.frames for f in (frame, frame)))


def _overlap(tcp: _Tcp) -> Iterable[Frame]:
    """The data in two halves, and then as a whole, as a retransmission in another size."""
    middle = len(tcp.data) // 2
    if middle < 2:
        return (tcp.frame,)
    return (tcp.build(end=middle), tcp.build(begin=middle - 1), tcp.build())


def _without_bare_acknowledgments(tcp: _Tcp) -> Iterable[Frame]:
    return (tcp.frame,) if tcp.data or tcp.flags != 16 else ()


def _fragmented(recording: Recording) -> Recording:
    """Every IP packet with data in fragments of 64 bytes, the last one first."""
    out = []
    for number, frame in enumerate(recording.frames):
        packet = _ip(frame)
        if len(packet) < 120:
            out.append(frame)
            continue
        head, body = packet[:20], packet[20:]
        parts = []
        for begin in range(0, len(body), 64):
            more = 0x2000 if begin + 64 < len(body) else 0
            part = body[begin : begin + 64]
            own = bytearray(head)
            struct.pack_into(">HHH", own, 2, 20 + len(part), number & 0xFFFF, more | begin // 8)
            parts.append(replace(frame, data=frame.data[:14] + bytes(own) + part))
        out.extend(reversed(parts))
    return replace(recording, frames=tuple(out))


SEGMENTS: dict[str, Change] = {
    "7 bytes each": _split(7),
    "100 bytes each": _split(100),
    "wrapping numbers": _shift,
    "neighbours swapped": _reorder,
    "all twice": _repeat,
    "overlapping": _each(_overlap),
    "no bare acknowledgments": _each(_without_bare_acknowledgments),
    "fragments": _fragmented,
    "padded": lambda r: replace(
        r, frames=tuple(replace(f, data=f.data + b"trailer") for f in r.frames)
    ),
}
CHANGES: dict[str, Change] = {**LINKS, **ADDRESSES, **SEGMENTS}


def choose_changes(random: Random) -> tuple[str, Change]:
    """Changes of each kind together: of the segments, then of addresses or links."""
    first, second = random.choice(list(SEGMENTS)), random.choice([*LINKS, *ADDRESSES])
    if first in {"padded", "fragments"}:
        first = (
            "all twice"  # Other headers would go inside the fragments, and the padding with them.
        )
    return f"{first}, then {second}", lambda r: CHANGES[second](SEGMENTS[first](r))
