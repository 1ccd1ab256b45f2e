"""Batch: all packets of a file as tables; those that no table of the file holds are put into small ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from harness.capture.block import Block, Capture
from harness.decode.packet.table import START, PacketTable, read_tables

_MOST = 4096
"""Packets that are put together at most."""


def read_batches(stream: BinaryIO, *, window: int) -> Iterator[PacketTable | Block]:
    """As `read_tables`, but no packet comes by itself; the same stream gives the same tables every time."""
    singles: list[Capture] = []
    size = 0
    for item in read_tables(stream, window=window):
        is_single = isinstance(item, Capture)
        follows = is_single and len(singles) < _MOST and size < window
        if singles and not (follows and item.number == singles[-1].number + 1):  # type: ignore[union-attr] # see is_single
            yield _join(singles)
            singles, size = [], 0
        if isinstance(item, Capture):
            singles.append(item)
            size += len(item.data)
        else:
            yield item
    if singles:
        yield _join(singles)


def _join(captures: Sequence[Capture]) -> PacketTable:
    starts = b"".join(capture.data[:START].ljust(START, b"\0") for capture in captures)
    kept = np.array([len(capture.data) for capture in captures], np.int64)
    return PacketTable(
        memoryview(b"".join(capture.data for capture in captures)),
        np.frombuffer(starts, f"V{START}"),
        captures[0].number,
        np.cumsum(kept) - kept,
        kept,
        np.array([capture.size for capture in captures], np.int64),
        np.array([capture.time_ns for capture in captures], np.int64),
        np.array([capture.interface for capture in captures], np.int64),
        tuple(sorted({capture.interface for capture in captures})),
    )
