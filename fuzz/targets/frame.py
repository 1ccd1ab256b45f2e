"""Frames: link headers of every kind, IPv4 with options, IPv6 with extensions, TCP, UDP, ICMP."""

from __future__ import annotations

import struct

from fuzz.choices import Choices
from fuzz.material import Value, pack, unpack
from fuzz.mutation import mutate
from fuzz.target import Target
from harness.decode.packet.frame import FrameDecoder

_LINKS = (
    1,
    0,
    6,
    9,
    10,
    12,
    14,
    100,
    101,
    105,
    107,
    108,
    109,
    113,
    117,
    127,
    192,
    228,
    229,
    239,
    276,
    7,
)
_TYPES = (0x0800, 0x86DD, 0x8100, 0x88A8, 0x8847, 0x0806, 0x88B5, 0x05DC)


def grow_frame(choices: Choices) -> bytes:
    """One frame or several, sizes on the wire beside them."""
    link = choices.pick(_LINKS)
    frames: list[Value] = []
    for _ in range(choices.below(4) + 1):
        data = mutate(_link(link, _network(choices, 0), choices), choices, most=4)
        frames.append([choices.pick((len(data), len(data) + 1, len(data) * 2, 0)), data])
    return pack([link, frames])


def _link(link: int, payload: bytes, choices: Choices) -> bytes:
    version = payload[0] >> 4 if payload else 0
    kind = 0x86DD if version == 6 else 0x0800
    tags = b""
    while choices.rarely():
        tags += struct.pack(">HH", choices.pick((0x8100, 0x88A8, 0x9100)), choices.number(2))
    if choices.rarely():
        labels = choices.take(3) + b"\x01" + bytes(1)
        payload, kind = labels[:4] + payload, 0x8847
    word = kind.to_bytes(2, "big")
    if choices.rarely():
        word = choices.pick(_TYPES).to_bytes(2, "big")
    heads = {
        1: bytes(12) + tags + word,
        0: struct.pack("<I" if choices.flag() else ">I", 2 if version == 4 else 10),
        108: struct.pack(">I", 2 if version == 4 else 24),
        9: b"\xff\x03" + (b"\x00\x21" if version == 4 else b"\x00\x57"),
        113: bytes(14) + tags + word,
        276: word + bytes(18) + tags,
        239: b"\x02\x00\x00\x00" + struct.pack("<HH", len(payload) + 4, 9),
    }
    return heads.get(link, b"") + payload


def _network(choices: Choices, depth: int) -> bytes:
    protocol = choices.pick((6, 17, 1, 58, 47, 50))
    payload = _transport(protocol, choices, depth)
    if choices.flag():
        return _ipv6(protocol, payload, choices)
    options = choices.take(4 * choices.below(3))
    options += bytes(-len(options) % 4)
    size = 20 + len(options) + len(payload)
    fragment = choices.pick((0, 0, 0, 0x4000, 0x2000, 1, 0x1FFF))
    return (
        struct.pack(
            ">BBHHHBBH",
            0x45 + len(options) // 4,
            0,
            choices.pick((size, size, size, 0, size + 40, 19)) & 0xFFFF,
            choices.below(4),
            fragment,
            64,
            protocol,
            0,
        )
        + bytes((10, 0, 0, choices.below(3), 10, 0, 0, choices.below(3)))
        + options
        + payload
    )


def _ipv6(protocol: int, payload: bytes, choices: Choices) -> bytes:
    following = protocol
    for _ in range(choices.below(4)):
        kind = choices.pick((0, 43, 60, 44, 51, 135))
        body = choices.take(6).ljust(6, b"\0")
        if kind == 44:
            body = struct.pack(">HI", choices.pick((0, 1, 8, 0xFFF8)), choices.below(4))
        payload = bytes((following, 0)) + body + payload
        following = kind
    size = choices.pick((len(payload), len(payload), 0, len(payload) + 9)) & 0xFFFF
    ends = bytes(15) + bytes((choices.below(3),)) + bytes(15) + bytes((choices.below(3),))
    return struct.pack(">IHBB", 6 << 28, size, following, 64) + ends + payload


def _transport(protocol: int, choices: Choices, depth: int) -> bytes:
    data = choices.take(choices.below(40))
    if protocol == 6:
        head = struct.pack(
            ">HHIIHHHH",
            choices.number(2),
            443,
            choices.number(4),
            0,
            choices.pick((5, 5, 5, 6, 15, 0)) << 12 | choices.below(512),
            0,
            0,
            0,
        )
        return head + data
    if protocol == 17:
        return struct.pack(">HHHH", choices.number(2), 53, len(data) + 8, 0) + data
    if protocol in (1, 58):
        quoted = _network(choices, depth + 1) if depth < 2 and choices.flag() else data
        return bytes((choices.pick((3, 8, 0, 11, 128, 1, 255)), 0, 0, 0, 0, 0, 0, 0)) + quoted
    return data


def check_frame(material: bytes) -> None:
    """A packet comes of every frame, and what is said to be in it is in it."""
    link, frames = unpack(material)
    decoder = FrameDecoder()
    for number, (size, data) in enumerate(frames, 1):
        packet, segment = decoder.decode(
            link,
            data,
            number=number,
            time_ns=number,
            tap="dmz",
            size=size,
        )
        assert packet.number == number
        assert 0 <= packet.payload_size <= max(len(data), size, 65535)
        if segment is not None:
            assert segment.data in data, "bytes that the frame does not hold"
            assert len(segment.data) <= segment.size
            assert packet.flow is not None
            assert packet.flow.protocol == 6
        if packet.flow is None and packet.ether_type in (0x0800, 0x86DD):
            assert packet.note is not None, "an IP packet is passed over without a word"


FRAME = Target(
    name="frame",
    promise="Every frame becomes a packet with its flow, or with a note why not.",
    grow=grow_frame,
    check=check_frame,
)
