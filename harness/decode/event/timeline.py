"""Timeline: the packets of several files as one capture, in order of time, without holding more than a part of them.

A file that comes next is the one whose unread packets may be the earliest. What is earlier than all that is unread is
written; the rest is held. Where much is held (a file is far from being in order) it goes to a file, in order, and comes
back as if it were one more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.capture import block as blocks
from harness.capture.pcapng import PACKET
from harness.capture.writer import PcapngWriter
from harness.decode.event.sighting import MAX_TIME_NS
from harness.decode.event.survey import Survey
from harness.decode.event.twin import LEFT_OUT, Twins
from harness.decode.packet.batch import read_batches
from harness.decode.packet.table import PacketTable
from harness.decode.tcp.mark import MarkReader

ORIGIN = np.dtype([("file", "<u4"), ("number", "<u4")])
MAX_HELD = 128 << 20
"""Bytes of packets that are held in memory."""
_CHUNK = 2 << 20
"""Bytes of packets that come back together of what was held in a file."""

_ROW = np.dtype(
    [
        ("time_ns", "i8"),
        ("begin", "i8"),
        ("file", "u4"),
        ("number", "u4"),
        ("tap", "u4"),
        ("kept", "u4"),
        ("size", "u4"),
        ("pad", "u4"),
    ]
)
_HEAD = np.dtype(
    [(name, "<u4") for name in ("type", "block", "tap", "high", "low", "kept", "size")]
)
"""Of an enhanced packet block (draft-ietf-opsawg-pcapng section 4.3)."""
_TAIL = np.dtype([("pad", "<u4"), ("block", "<u4")])

Rows = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some packets: where each one's bytes are in the data."""

    rows: Rows
    data: bytes

    def select(self, chosen: NDArray[np.bool_]) -> _Chunk:
        """Some of them; their bytes are copied once they are less than half of all."""
        rows = self.rows[chosen]
        if 2 * int(rows["kept"].sum(dtype=np.int64)) > len(self.data):
            return _Chunk(rows, self.data)
        data = b"".join(self.frames(rows))
        kept = rows["kept"].astype(np.int64)
        rows["begin"] = np.cumsum(kept) - kept
        return _Chunk(rows, data)

    def frames(self, rows: Rows) -> Iterator[bytes]:
        """The bytes of some of its packets."""
        begin = rows["begin"]
        end = begin + rows["kept"]
        return map(self.data.__getitem__, map(slice, begin.tolist(), end.tolist()))


class _Queue(Protocol):
    """Packets that come in chunks."""

    floor_ns: int | None
    """No unread packet is earlier; None: there is none."""

    def load(self) -> _Chunk:
        """The next ones."""


class FileQueue:
    """The packets of one file, on the first file's clock and on the interface on which they count."""

    def __init__(
        self,
        index: int,
        stream: BinaryIO,
        survey: Survey,
        *,
        offset_ns: int,
        window: int,
        twins: Twins,
        take_keys: Callable[[bytes], None],
    ) -> None:
        """Begin at the stream's present position; secrets are given away where they stand."""
        self._index = index
        self._survey = survey
        self._offset_ns = min(max(offset_ns, -MAX_TIME_NS), MAX_TIME_NS)
        self._twins = twins
        self._take_keys = take_keys
        self._marks = MarkReader()
        self._links = survey.links
        self._next = 0
        self._tables = self._read(stream, window)
        self.floor_ns = self._find_floor()

    def load(self) -> _Chunk:
        """See _Queue."""
        table = next(self._tables, None)
        self._next = self._next + 1 if table is not None else len(self._survey.floors)
        self.floor_ns = self._find_floor()
        if table is None:
            # Somebody cut the file meanwhile.
            return _Chunk(np.zeros(0, _ROW), b"")
        tap = table.interface + self._survey.first_tap
        if len(self._twins):
            row, ends = self._marks.find_ends(table, self._links)
            tap[row] = self._twins.find(ends, tap[row])
        chosen = np.flatnonzero(tap != LEFT_OUT)
        rows = np.zeros(len(chosen), _ROW)
        if not len(chosen):
            return _Chunk(rows, b"")
        begin, kept = table.offset[chosen], table.kept[chosen]
        first, last = int(begin.min()), int((begin + kept).max())
        rows["time_ns"] = (
            np.clip(table.time_ns[chosen], -MAX_TIME_NS, MAX_TIME_NS) + self._offset_ns
        )
        rows["begin"], rows["kept"] = begin - first, kept
        rows["file"], rows["number"] = self._index, table.first_number + chosen
        rows["tap"], rows["size"] = tap[chosen], table.size[chosen]
        return _Chunk(rows, bytes(table.data[first:last]))

    def finish(self) -> None:
        """Take the secrets behind the last packet; of packets that came meanwhile nothing is known."""
        next(self._tables, None)

    def _read(self, stream: BinaryIO, window: int) -> Iterator[PacketTable]:
        for item in read_batches(stream, window=window):
            if isinstance(item, PacketTable):
                yield item
            elif isinstance(item, blocks.Keys) and item.kind == blocks.TLS_KEY_LOG:
                self._take_keys(item.data)

    def _find_floor(self) -> int | None:
        floors = self._survey.floors
        if self._next == len(floors):
            return None
        return min(max(floors[self._next], -MAX_TIME_NS), MAX_TIME_NS) + self._offset_ns


class _Run:
    """Packets in order that wait in a file."""

    def __init__(self, spool: IO[bytes], chunks: Sequence[_Chunk]) -> None:
        """Write them behind what is there already."""
        self._spool = spool
        self._parts: list[tuple[int, int, int, int]] = []
        """Offset, packets, bytes of the packets, and the time of the first."""
        self._next = 0
        offset = spool.seek(0, 2)
        rows, frames = _sort(chunks)
        sizes = np.cumsum(rows["kept"], dtype=np.int64)
        first = 0
        while first < len(rows):
            before = int(sizes[first - 1]) if first else 0
            last = max(int(np.searchsorted(sizes, before + _CHUNK, "right")), first + 1)
            part, data = rows[first:last].copy(), b"".join(frames[first:last])
            part["begin"] = sizes[first:last] - part["kept"] - before
            spool.write(part.tobytes())
            spool.write(data)
            self._parts.append((offset, len(part), len(data), int(part["time_ns"][0])))
            offset += part.nbytes + len(data)
            first = last
        self.floor_ns: int | None = self._parts[0][3]

    def load(self) -> _Chunk:
        """See _Queue."""
        offset, count, size, _ = self._parts[self._next]
        self._next += 1
        self.floor_ns = self._parts[self._next][3] if self._next < len(self._parts) else None
        self._spool.seek(offset)
        rows = np.frombuffer(self._spool.read(count * _ROW.itemsize), _ROW)
        return _Chunk(rows, self._spool.read(size))


def write_in_order(
    files: Sequence[FileQueue],
    writer: PcapngWriter,
    origins: IO[bytes],
    spool: IO[bytes],
    *,
    max_held: int = MAX_HELD,
) -> None:
    """Write all packets; those of a single file as they stand in it, those of several in order of time.

    Args:
        files: all of them.
        writer: takes the packets.
        origins: takes file and number of each, as ORIGIN.
        spool: takes what has to wait where much has to.
        max_held: bytes of packets that wait in memory.
    """
    queues: list[_Queue] = list(files)
    held: list[_Chunk] = []
    while waiting := [queue for queue in queues if queue.floor_ns is not None]:
        queue = min(waiting, key=lambda one: one.floor_ns or 0)
        held.append(queue.load())
        if len(files) == 1:
            _write(held[0].rows, [*held[0].frames(held[0].rows)], writer, origins)
            held.clear()
            continue
        held = _write_early(held, _find_bound(queues), writer, origins)
        # What comes back from there stays, or the same packets could go to and fro.
        is_new = isinstance(queue, FileQueue)
        if is_new and sum(len(chunk.data) for chunk in held) > max_held:
            queues.append(_Run(spool, held))
            held = []
    for file in files:
        file.finish()


def _find_bound(queues: Sequence[_Queue]) -> int | None:
    return min((q.floor_ns for q in queues if q.floor_ns is not None), default=None)


def _write_early(
    held: Sequence[_Chunk], bound: int | None, writer: PcapngWriter, origins: IO[bytes]
) -> list[_Chunk]:
    """Write what is earlier than the bound (None: everything); gives what is left."""
    early: list[_Chunk] = []
    left: list[_Chunk] = []
    for chunk in held:
        is_early = np.ones(len(chunk.rows), bool)
        if bound is not None:
            is_early = chunk.rows["time_ns"] < bound
        if is_early.any():
            early.append(_Chunk(chunk.rows[is_early], chunk.data))
        if not is_early.all():
            left.append(chunk.select(~is_early) if is_early.any() else chunk)
    if early:
        _write(*_sort(early), writer, origins)
    return left


def _sort(chunks: Sequence[_Chunk]) -> tuple[Rows, list[bytes]]:
    """The packets in order of time, file and number, and the bytes of each."""
    rows = np.concatenate([chunk.rows for chunk in chunks])
    frames = [frame for chunk in chunks for frame in chunk.frames(chunk.rows)]
    order = np.lexsort((rows["number"], rows["file"], rows["time_ns"]))
    return rows[order], [frames[index] for index in order.tolist()]


def _write(rows: Rows, frames: Sequence[bytes], writer: PcapngWriter, origins: IO[bytes]) -> None:
    """Write packets as they come."""
    kept = rows["kept"].astype(np.int64)
    pad = -kept % 4
    time_ns = np.maximum(rows["time_ns"], 0)
    head, tail = np.zeros(len(rows), _HEAD), np.zeros(len(rows), _TAIL)
    head["type"], head["tap"] = PACKET, rows["tap"]
    head["high"], head["low"] = time_ns >> 32, time_ns & 0xFFFFFFFF
    head["kept"], head["size"] = kept, rows["size"]
    head["block"] = tail["block"] = kept + pad + _HEAD.itemsize + 4
    begin = np.arange(len(rows)) * _HEAD.itemsize
    ends = np.arange(1, len(rows) + 1) * _TAIL.itemsize
    parts = [b""] * (3 * len(rows))
    parts[0::3] = _cut(head, begin, begin + _HEAD.itemsize)
    parts[1::3] = frames
    parts[2::3] = _cut(tail, ends - 4 - pad, ends)
    writer.write_packets(b"".join(parts))
    origin = np.zeros(len(rows), ORIGIN)
    origin["file"], origin["number"] = rows["file"], rows["number"]
    origins.write(origin.tobytes())


def _cut(
    records: NDArray[np.void], begin: NDArray[np.int64], end: NDArray[np.int64]
) -> list[bytes]:
    data = records.tobytes()
    return [*map(data.__getitem__, map(slice, begin.tolist(), end.tolist()))]
