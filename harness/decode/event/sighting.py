"""Sighting: one TCP packet seen in one place, as a row. The rows of all files go to a spool, sorted into buckets.

All rows about one connection are in one bucket, and so are all hellos with one random: a bucket can be looked at by
itself, and only one is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from harness.decode.packet.table import Ints, PacketTable
from harness.decode.tcp.mark import Hashes, Marks

SIGHTING = np.dtype(
    [
        ("ends", "u8"),
        ("key", "u8"),
        ("sent", "u8"),
        ("acknowledged", "u8"),
        ("time_ns", "i8"),
        ("tap", "u4"),
        ("kind", "u1"),
        ("is_rising", "?"),
        ("pad", "u2"),
    ]
)
"""See Marks; taps are counted over all files. Of a COUNT `time_ns` is how many packets, of a hello `key` its random."""
CLIENT_HELLO, SERVER_HELLO, PACKET, COUNT = 1, 2, 3, 4
MAX_TIME_NS = (1 << 62) - 1
"""Times beyond are cut: the difference of two has to fit."""
_BUCKETS = 256
_BUCKET_SHIFT = np.uint64(56)
_TOGETHER = 1 << 20
"""Rows that are looked at together; a bucket has more only of very large files."""
_PENDING = 1 << 17
"""Rows that are sorted together."""
_DENSE = 1024
"""Packets of one connection in one table from which on some stand for all."""
_SAMPLE = np.uint64(15)
"""Then those whose key has none of these bits: the same ones in every file."""

Sightings = NDArray[np.void]


class SightingSpool:
    """Rows by bucket."""

    def __init__(self, spool: IO[bytes]) -> None:
        """Take a file for the rows: 48 bytes for each TCP packet."""
        self._spool = spool
        self._size = 0
        self._pending: list[Sightings] = []
        self._pending_count = 0
        self._parts: list[tuple[int, Ints]] = []
        """Offset of each sorted part, and where in it each bucket begins, in rows."""

    def add(self, table: PacketTable, marks: Marks, *, first_tap: int, is_whole: bool) -> None:
        """Take in the packets of a table.

        Args:
            table: The packets.
            marks: Of those that are TCP.
            first_tap: What to add to the interfaces of the file, so that they count over all files.
            is_whole: Every packet, else some of connections that have very many.
        """
        tap = (table.interface[marks.row] + first_tap).astype(np.uint32)
        time_ns = np.clip(table.time_ns[marks.row], -MAX_TIME_NS, MAX_TIME_NS)
        order = np.lexsort((tap, marks.ends))
        ends, by_tap = marks.ends[order], tap[order]
        is_new = np.ones(len(order), bool)
        is_new[1:] = (ends[1:] != ends[:-1]) | (by_tap[1:] != by_tap[:-1])
        start = np.flatnonzero(is_new)
        count = np.diff(np.append(start, len(order)))
        chosen: slice | Ints = slice(None)
        if not is_whole:
            dense = np.empty(len(order), bool)
            dense[order] = np.repeat(count > _DENSE, count)
            chosen = np.flatnonzero(~dense | (marks.key & _SAMPLE == 0))
        hello = np.flatnonzero(marks.hello)
        first = order[start]
        rows = _build(marks.ends, tap, marks.key, time_ns, PACKET)
        rows["is_rising"] = marks.is_rising
        rows["sent"], rows["acknowledged"] = marks.sent, marks.acknowledged
        hellos = _build(marks.ends, tap, marks.random, time_ns, marks.hello)
        counts = _build(marks.ends[first], tap[first], marks.key[first], count, COUNT)
        self._pending += [rows[chosen], hellos[hello], counts]
        self._pending_count += sum(map(len, self._pending[-3:]))
        if self._pending_count >= _PENDING:
            self._flush()

    def read(self) -> Iterator[Sightings]:
        """All rows, whole buckets at a time; within a bucket in the order in which they came."""
        self._flush()
        counts = np.zeros(_BUCKETS, np.int64)
        for _, begin in self._parts:
            counts += np.diff(begin)
        first = 0
        while first < _BUCKETS:
            last = first + 1
            while last < _BUCKETS and counts[first : last + 1].sum() <= _TOGETHER:
                last += 1
            if counts[first:last].any():
                yield self._read_buckets(first, last)
            first = last

    def _read_buckets(self, first: int, last: int) -> Sightings:
        parts: list[Sightings] = []
        for offset, begin in self._parts:
            count = int(begin[last] - begin[first])
            if count:
                self._spool.seek(offset + int(begin[first]) * SIGHTING.itemsize)
                parts.append(np.frombuffer(self._spool.read(count * SIGHTING.itemsize), SIGHTING))
        return np.concatenate(parts)

    def _flush(self) -> None:
        if not self._pending_count:
            return
        rows = np.concatenate(self._pending)
        self._pending.clear()
        self._pending_count = 0
        # A hello is looked for by its random, everything else by its connection.
        is_hello = rows["kind"] < PACKET
        bucket = (np.where(is_hello, rows["key"], rows["ends"]) >> _BUCKET_SHIFT).astype(np.int64)
        order = np.argsort(bucket, kind="stable")
        begin = np.zeros(_BUCKETS + 1, np.int64)
        np.cumsum(np.bincount(bucket, minlength=_BUCKETS), out=begin[1:])
        self._parts.append((self._size, begin))
        self._spool.seek(self._size)
        self._spool.write(rows[order].tobytes())
        self._size += len(rows) * SIGHTING.itemsize


def _build(
    ends: Hashes,
    tap: NDArray[np.uint32],
    key: Hashes,
    time_ns: Ints,
    kind: int | NDArray[np.uint8],
) -> Sightings:
    rows = np.zeros(len(ends), SIGHTING)
    rows["ends"], rows["tap"], rows["key"] = ends, tap, key
    rows["time_ns"], rows["kind"] = time_ns, kind
    return rows
