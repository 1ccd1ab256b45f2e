"""Mutation: small changes of bytes and of sequences, chosen by Choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from fuzz.choices import Choices
from harness.trace.tls import Side

T = TypeVar("T")

NUMBERS: tuple[int, ...] = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    20,
    31,
    32,
    63,
    64,
    127,
    128,
    255,
    256,
    1023,
    4095,
    4096,
)
NUMBERS += (16383, 16384, 16640, 18432, 32767, 32768, 65534, 65535, 65536, (1 << 24) - 1, 1 << 24)
NUMBERS += ((1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
"""Values at the edges of fields."""


def mutate(data: bytes, choices: Choices, *, most: int = 8) -> bytes:
    """The bytes with up to `most` changes; none where the choices are used up."""
    out = bytearray(data)
    for _ in range(choices.below(most + 1)):
        _change(out, choices)
    return bytes(out)


def _change(out: bytearray, choices: Choices) -> None:
    kind = choices.below(9)
    at = choices.below(len(out) + 1)
    size = choices.pick((1, 1, 2, 3, 4, 8, 16, 64, 300))
    if kind == 0 and out:
        out[at % len(out)] ^= 1 << choices.below(8)
    elif kind == 1 and out:
        out[at % len(out)] = choices.byte()
    elif kind == 2:
        width = choices.pick((1, 2, 3, 4, 8))
        value = choices.pick(NUMBERS) % (1 << 8 * width)
        out[at : at + width] = value.to_bytes(width, "little" if choices.flag() else "big")
    elif kind == 3:
        del out[at : at + size]
    elif kind == 4:
        out[at:at] = choices.take(size)
    elif kind == 5:
        out[at:at] = out[at : at + size]
    elif kind == 6:
        begin = choices.below(len(out) + 1)
        out[at : at + size] = out[begin : begin + size]
    elif kind == 7:
        del out[at:]
    else:
        out[at : at + size] = choices.take(size)


def rearrange(items: Sequence[T], choices: Choices, *, most: int = 4) -> list[T]:
    """The items with up to `most` dropped, repeated, swapped, moved or cut off."""
    out = list(items)
    for _ in range(choices.below(most + 1)):
        if not out:
            return out
        kind, at = choices.below(6), choices.below(len(out))
        if kind == 0:
            del out[at]
        elif kind == 1:
            out.insert(at, out[at])
        elif kind == 2:
            other = choices.below(len(out))
            out[at], out[other] = out[other], out[at]
        elif kind == 3:
            item = out.pop(at)
            out.insert(choices.below(len(out) + 1), item)
        elif kind == 4:
            del out[at : at + choices.below(len(out)) + 1]
        else:
            other = choices.below(len(out))
            begin, end = min(at, other), max(at, other)
            out[begin:end] = reversed(out[begin:end])
    return out


def interleave(
    sides: Mapping[Side, bytes], choices: Choices, *, most: int
) -> list[list[str | bytes | int | None]]:
    """Both sides of a connection, mutated up to `most` times each, in pieces in turn: side and bytes, or a hole.

    A hole is a side and a size in bytes; None: nobody knows how large.
    """
    lanes = [
        [[side, piece] for piece in cut(mutate(data, choices, most=most), choices)]
        for side, data in sides.items()
    ]
    parts: list[list[str | bytes | int | None]] = []
    while any(lanes):
        lane = lanes[choices.below(2)] or lanes[0] or lanes[1]
        parts.append(list(lane.pop(0)))
        if choices.rarely():
            parts.append([parts[-1][0], choices.pick((None, 1, 5, 1000))])
    return parts


def cut(data: bytes, choices: Choices) -> list[bytes]:
    """The same bytes in pieces: whole, byte by byte, or cut at some places."""
    way = choices.below(4)
    if way == 0 or not data:
        return [data]
    if way == 1 and len(data) <= 4096:
        return [data[i : i + 1] for i in range(len(data))]
    if way == 2:
        size = choices.below(len(data)) + 1
        return [data[i : i + size] for i in range(0, len(data), size)]
    places = sorted({choices.below(len(data)) for _ in range(choices.below(8) + 1)} | {0})
    return [data[a:b] for a, b in zip(places, [*places[1:], len(data)], strict=True)]
