"""Capture files: pcapng and pcap, both byte orders, gzip, whole and damaged."""

from __future__ import annotations

import gzip
import struct
from io import BytesIO, RawIOBase
from typing import TYPE_CHECKING, BinaryIO, cast

from fuzz.choices import Choices
from fuzz.mutation import NUMBERS, mutate, rearrange
from fuzz.target import Target
from harness.capture.block import Block, Capture, Damage, Interface, Uncaptured
from harness.capture.pcapng import read_blocks, read_keys

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_TYPES = (6, 6, 6, 6, 1, 3, 2, 4, 5, 10, 0x0A0D0D0A, 9, 0xBAD, 0x40000BAD, 77, 0)
_MAGICS = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1")


class _Dribble(RawIOBase):
    """A stream that gives a few bytes at a time and cannot go back, as a pipe does."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self._inner = BytesIO(data)
        self._size = size

    def readable(self) -> bool:
        return True

    def readinto(self, room: WriteableBuffer) -> int:
        return self._inner.readinto(memoryview(room)[: self._size])


def grow_file(choices: Choices) -> bytes:
    """A file made of blocks or records, then changed; or any bytes."""
    way = choices.below(8)
    if way == 7:
        return choices.rest()
    data = _grow_pcap(choices) if way == 6 else _grow_pcapng(choices)
    data = mutate(data, choices)
    if choices.rarely():
        data = mutate(gzip.compress(data, mtime=0), choices, most=3)
    return data


def _grow_pcapng(choices: Choices) -> bytes:
    order = ">" if choices.flag() else "<"
    blocks = [_section(order, choices), _block(order, 1, _interface(order, choices))]
    for _ in range(choices.below(12)):
        kind = choices.pick(_TYPES)
        if kind == 0x0A0D0D0A:
            order = ">" if choices.flag() else "<"
            blocks.append(_section(order, choices))
        else:
            blocks.append(_block(order, kind, _body(order, kind, choices)))
    return b"".join(rearrange(blocks, choices, most=2) if choices.rarely() else blocks)


def _block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def _section(order: str, choices: Choices) -> bytes:
    version = choices.pick((1, 1, 1, 1, 2))
    body = struct.pack(order + "IHHq", 0x1A2B3C4D, version, 0, -1)
    return _block(order, 0x0A0D0D0A, body + _options(order, choices))


def _interface(order: str, choices: Choices) -> bytes:
    link = choices.pick((1, 0, 101, 113, 276, 9, 239, 65535))
    return struct.pack(order + "HHI", link, 0, choices.pick((0, 96, 65535))) + _options(
        order, choices
    )


def _body(order: str, kind: int, choices: Choices) -> bytes:
    data = choices.take(choices.below(80))
    if kind == 6:
        kept = choices.pick((len(data), len(data), len(data) + 1, choices.pick(NUMBERS)))
        head = (choices.below(3), choices.number(4), choices.number(4), kept % (1 << 32), len(data))
        return struct.pack(order + "IIIII", *head) + _pad(data) + _options(order, choices)
    if kind == 1:
        return _interface(order, choices)
    if kind == 5:
        return struct.pack(order + "III", choices.below(3), 0, choices.number(4)) + _options(
            order, choices
        )
    if kind == 10:
        size = choices.pick((len(data), len(data) + 9))
        return struct.pack(order + "II", choices.pick((0x544C534B, 0)), size) + data
    if kind == 3:
        return struct.pack(order + "I", choices.pick((len(data), *NUMBERS[:20]))) + data
    if kind == 4:
        record = struct.pack(order + "HH", choices.below(5), choices.pick((len(data), 0, 3, 65535)))
        return record + _pad(data) + bytes(4)
    return data


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _options(order: str, choices: Choices) -> bytes:
    out = b""
    for _ in range(choices.below(4)):
        code = choices.pick((1, 2, 4, 5, 8, 9, 14, 3, 65535, 0))
        value = choices.take(choices.pick((8, 0, 1, 4, 7, 20)))
        size = choices.pick((len(value), len(value), len(value), 65535))
        out += struct.pack(order + "HH", code, size) + _pad(value)
    return out


def _grow_pcap(choices: Choices) -> bytes:
    magic = choices.pick(_MAGICS)
    order = ">" if magic[0] == 0xA1 else "<"
    out = magic + struct.pack(order + "HHiIII", 2, 4, 0, 0, choices.pick((65535, 0, 96)), 1)
    seconds = 1_790_000_000
    for _ in range(choices.below(12)):
        data = choices.take(choices.below(80))
        seconds += choices.below(3)
        out += struct.pack(order + "IIII", seconds, choices.below(1000), len(data), len(data))
        out += data
    return out


def check_file(data: bytes) -> None:
    """Every way to read a file gives the same blocks, numbers go up, damage lies in the file and in order."""
    blocks = list(read_blocks(BytesIO(data), past_damage=True))
    _check_order(blocks)
    before = list(read_blocks(BytesIO(data)))
    places = [index for index, block in enumerate(blocks) if isinstance(block, Damage)]
    whole = blocks[: places[0] if places else None]
    assert before[: len(whole)] == whole, "what precedes the damage depends on what follows it"
    # Of what is no capture it is also said how its compression ends.
    if whole:
        assert len(before) == len(whole) + bool(places), "something follows the damage"
    keys = list(read_keys(BytesIO(data)))
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        assert keys == [block for block in blocks if type(block).__name__ == "Keys"]
    if len(data) <= 2000:
        piped = list(read_blocks(cast(BinaryIO, _Dribble(data, 7)), past_damage=True))
        # Of what is no capture only the beginning is read, so a pipe may not show how it ends.
        same = blocks[:1] if type(blocks[0]).__name__ == "Damage" else blocks
        assert piped[: len(same)] == same, "read from a pipe, the same file has other blocks"
    if data[:2] != b"\x1f\x8b":
        kept = sum(len(block.data) for block in blocks if isinstance(block, Capture))
        assert kept <= len(data), f"{kept} bytes of packets in a file of {len(data)}"
        assert all(b.offset <= len(data) for b in blocks if isinstance(b, Damage))


def _check_order(blocks: list[Block]) -> None:
    numbered = [b for b in blocks if isinstance(b, Capture | Uncaptured)]
    assert [b.number for b in numbered] == list(range(1, len(numbered) + 1))
    described = -1
    for block in blocks:
        if isinstance(block, Interface):
            described = max(described, block.index)
        elif isinstance(block, Capture):
            assert 0 <= block.interface <= described, "a packet of an interface nobody described"
    last = -1
    for block in blocks:
        if isinstance(block, Damage):
            assert block.offset >= last, "damage is not told in the order of the file"
            assert block.resumed is None or block.resumed > block.offset
            last = block.resumed or block.offset


FILE = Target(
    name="file",
    promise="Any bytes are read as blocks or named as damage, the same through a file and through a pipe.",
    grow=grow_file,
    check=check_file,
)
