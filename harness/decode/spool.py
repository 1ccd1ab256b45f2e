"""Spool: connections of a large capture, in a file as soon as they are too many to be kept.

They come in the order in which they end, and leave in parts, in the order in which they begin. A part has connections
of its own, those before and after them as context, and whatever was still open.
"""

from __future__ import annotations

import pickle
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import IO, Self

from harness.trace.connection import Connection, Layers
from harness.trace.trace import EVERYTHING

MOST = 20_000
"""Connections, and requests of them, that are kept: some 4 kB each."""
_BATCH = 200
"""Connections written at once: what they have in common is written once."""


class SpoolError(Exception):
    """The file cannot be written or read; the message says how many connections were to go there, and why not."""


OpenFile = Callable[[], IO[bytes]]
"""Opens an empty file, to be written and read, that nobody misses later."""


@dataclass(frozen=True, slots=True)
class Part:
    """Connections that are judged together, by number."""

    own: range
    """Numbers of packets: of the connections that begin there, and of what happens there, this part decides."""
    connections: tuple[Connection, ...]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some connections in the file."""

    offset: int
    size: int
    first: int
    """Number of the first packet of all of them."""


class Spool:
    """Takes connections in any order; a context, whose end closes the file."""

    def __init__(self, open_file: OpenFile | None, *, most: int = MOST) -> None:
        """Keep so many connections and requests, and if they are more, all in a file (None: keep them)."""
        self._open_file = open_file
        self._most = most
        self._recent: list[Connection] = []
        self._recent_size = 0
        self._file: IO[bytes] | None = None
        self._batches: list[_Batch] = []
        self._firsts = array("q")
        """By connection, as they came: number of the first packet."""
        self._sizes = array("l")

    def __enter__(self) -> Self:
        """Take connections."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        """Connections so far."""
        return len(self._firsts)

    def add(self, connection: Connection) -> None:
        """Take one more.

        Raises:
            SpoolError: there is no room for the file.
        """
        size = _count(connection)
        self._firsts.append(connection.packets[0])
        self._sizes.append(size)
        self._recent.append(connection)
        self._recent_size += size
        if self._open_file is None:
            return
        if self._file is None and self._recent_size > self._most:
            try:
                self._file = self._open_file()
            except OSError as error:
                raise self._complain(error) from error
            recent, self._recent = self._recent, []
            for start in range(0, len(recent), _BATCH):
                self._write(recent[start : start + _BATCH])
        elif self._file is not None and len(self._recent) == _BATCH:
            self._write(self._recent)
            self._recent = []

    def parts(self) -> Iterator[Part]:
        """Everything, in one part or in several; nothing may be added after it.

        Raises:
            SpoolError: the file cannot be written to its end, or not be read.
        """
        if self._file is None:
            self._recent.sort(key=_begun)
            connections = tuple(_number(c, n) for n, c in enumerate(self._recent, 1))
            yield Part(EVERYTHING, connections)
            return
        self._write(self._recent)
        order = sorted(range(len(self)), key=self._firsts.__getitem__)
        firsts = array("q", (self._firsts[index] for index in order))
        sizes = array("l", (self._sizes[index] for index in order))
        batches = sorted(self._batches, key=lambda batch: batch.first, reverse=True)
        present: list[Connection] = []
        for since, own, until in _find_spans(firsts, sizes, self._most):
            present = [c for c in present if c.packets[-1] >= since]
            while batches and batches[-1].first < until:
                read = self._read(batches.pop())
                numbered = (_number(c, bisect_left(firsts, c.packets[0]) + 1) for c in read)
                present += (c for c in numbered if c.packets[-1] >= since)
            present.sort(key=_begun)
            yield Part(own, tuple(c for c in present if c.packets[0] < until))

    def _write(self, connections: list[Connection]) -> None:
        assert self._file is not None
        if not connections:
            return
        data = zlib.compress(pickle.dumps(connections, pickle.HIGHEST_PROTOCOL), 1)
        first = min(connection.packets[0] for connection in connections)
        try:
            self._batches.append(_Batch(self._file.tell(), len(data), first))
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise self._complain(error) from error

    def _read(self, batch: _Batch) -> list[Connection]:
        assert self._file is not None
        try:
            self._file.seek(batch.offset)
            data = self._file.read(batch.size)
        except OSError as error:
            raise self._complain(error) from error
        connections: list[Connection] = pickle.loads(zlib.decompress(data))
        return connections

    def _complain(self, error: OSError) -> SpoolError:
        return SpoolError(f"{len(self)} connections did not fit: {error.strerror or error}")


def _find_spans(
    firsts: array[int], sizes: array[int], most: int
) -> Iterator[tuple[int, range, int]]:
    """Numbers of packets, part after part: where its context begins, its own, and where its context ends.

    Half of what may be kept is its own, a third before it, and a sixth after it.
    """
    totals = array("q", [0])
    for size in sizes:
        totals.append(totals[-1] + size)
    begin, count = 0, len(firsts)
    while begin < count:
        end = max(bisect_left(totals, totals[begin] + most // 2), begin + 1)
        since = bisect_left(totals, totals[begin] - most // 3)
        until = bisect_left(totals, totals[min(end, count)] + most // 6)
        yield (
            firsts[since] if since else 0,
            range(firsts[begin] if begin else 0, firsts[end] if end < count else EVERYTHING.stop),
            firsts[until] if until < count else EVERYTHING.stop,
        )
        begin = end


def _count(layers: Layers) -> int:
    """How much a connection holds: itself and its requests, in the tunnel as well."""
    inner = _count(layers.tunnel) if layers.tunnel is not None else 0
    return 1 + len(layers.exchanges) + len(layers.malformed) + inner


def _begun(connection: Connection) -> int:
    return connection.packets[0]


def _number(connection: Connection, number: int) -> Connection:
    return connection if connection.number == number else replace(connection, number=number)
