"""CaptureBlocks: a stored run as pcapng blocks that can be changed and put together again.

Only what our own writer writes (little-endian, one section) is taken apart; that is what is in captures/.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fuzz.found import ROOT

PACKET, KEYS, STATISTICS = 6, 10, 5
_MAX_RUN_SIZE = 400_000
"""Bytes of a stored run."""


@dataclass(frozen=True, slots=True)
class RawBlock:
    """One block as it stands in the file."""

    kind: int
    raw: bytes

    @property
    def tap(self) -> int:
        """Interface number of a packet."""
        return int.from_bytes(self.raw[8:12], "little")

    @property
    def frame(self) -> bytes:
        """The captured bytes of a packet."""
        return self.raw[28 : 28 + int.from_bytes(self.raw[20:24], "little")]

    def with_frame(self, frame: bytes) -> RawBlock:
        """The same packet with other bytes, as many on the wire as in the file."""
        padded = frame + bytes(-len(frame) % 4)
        body = self.raw[8:20] + struct.pack("<II", len(frame), len(frame)) + padded
        size = struct.pack("<I", len(body) + 12)
        return RawBlock(PACKET, struct.pack("<I", PACKET) + size + body + size)


def split_blocks(data: bytes) -> list[RawBlock]:
    """All blocks of a file of our own."""
    blocks: list[RawBlock] = []
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        blocks.append(RawBlock(kind, data[at : at + size]))
        at += size
    return blocks


def join_blocks(blocks: Iterable[RawBlock]) -> bytes:
    """The file again."""
    return b"".join(block.raw for block in blocks)


@cache
def stored_runs() -> tuple[Path, ...]:
    """The runs of the folder that FUZZ_RUNS names, or the checked-in ones, by name; large ones take too long."""
    folder = Path(os.environ.get("FUZZ_RUNS", ROOT / "captures"))
    found = (path for path in folder.rglob("*.pcapng") if path.stat().st_size <= _MAX_RUN_SIZE)
    return tuple(sorted(found))
