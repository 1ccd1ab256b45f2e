"""Option: the code, length, value lists that end most pcapng blocks (draft-ietf-opsawg-pcapng section 3.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Literal

ByteOrder = Literal["<", ">"]

END = 0
COMMENT = 1
MAX_VALUE_SIZE = 0xFFFF

Option = tuple[int, bytes]


def decode_options(data: bytes, order: ByteOrder) -> tuple[Option, ...]:
    """All options before the end mark; what does not fit any more is left out."""
    options: list[Option] = []
    offset = 0
    while offset + 4 <= len(data):
        code, size = struct.unpack_from(order + "HH", data, offset)
        if code == END or offset + 4 + size > len(data):
            break
        options.append((code, data[offset + 4 : offset + 4 + size]))
        offset += 4 + size + (-size % 4)
    return tuple(options)


def build_options(options: Iterable[Option]) -> bytes:
    """Options and their end mark in little-endian order; nothing for no options.

    Raises:
        ValueError: a value is longer than 65,535 bytes.
    """
    parts: list[bytes] = []
    for code, value in options:
        if len(value) > MAX_VALUE_SIZE:
            raise ValueError(f"option {code}: got {len(value)} bytes; at most {MAX_VALUE_SIZE} fit")
        parts.append(struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4))
    if parts:
        parts.append(bytes(4))
    return b"".join(parts)


def decode_text(value: bytes) -> str:
    """UTF-8 text; bytes that are none become replacement characters, and a final NUL goes."""
    return value.decode("utf-8", "replace").removesuffix("\0")


def decode_comments(options: Iterable[Option]) -> tuple[str, ...]:
    """The texts of all comment options."""
    return tuple(decode_text(value) for code, value in options if code == COMMENT)


def find_value(options: Iterable[Option], code: int) -> bytes | None:
    """The value of the first option with this code."""
    return next((value for this, value in options if this == code), None)
