"""Payload: the bytes of the groups of a window, brought together group by group when somebody wants them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.decode.packet.table import Ints, PacketTable
from harness.decode.tcp.run import Run
from harness.decode.tcp.segment_table import SegmentTable
from harness.decode.tcp.talk import Talk
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side


class Payload:
    """All packets with payload, ordered by group and within it by `order`; good as long as the window."""

    def __init__(
        self,
        table: PacketTable,
        segments: SegmentTable,
        order: Callable[[SegmentTable, Ints], tuple[Ints, Ints]],
    ) -> None:
        """Take the window; `order` gives the packets in order, and the number of the run that each is in."""
        self._data = table.data
        filled, run = order(segments, np.flatnonzero(segments.size))
        new = np.ones(len(filled), bool)
        new[1:] = run[1:] != run[:-1]
        begins = np.flatnonzero(new)
        place, size = segments.place[filled], segments.size[filled]
        total = np.cumsum(size)
        before = (total - size)[begins]
        self.run_of = run[begins]
        """Of each run its number, ascending."""
        self.low = segments.from_low[filled][begins]
        """The smaller end sent it."""
        self.group = segments.group[filled][begins]
        self._begins: list[int] = [*begins.tolist(), len(filled)]
        self._parts = list(map(slice, place.tolist(), (place + size).tolist()))
        self._ends: list[int] = (total - np.repeat(before, np.diff(self._begins))).tolist()
        self._numbers: list[PacketNumber] = (segments.row[filled] + table.first_number).tolist()
        self._times: list[int] = segments.time_ns[filled].tolist()

    def build(self, index: int) -> Run:
        """One run."""
        begin, end = self._begins[index], self._begins[index + 1]
        joined = b"".join(map(self._data.__getitem__, self._parts[begin:end]))
        return Run(joined, self._ends[begin:end], self._numbers[begin:end], self._times[begin:end])


def by_turn(segments: SegmentTable, filled: Ints) -> tuple[Ints, Ints]:
    """As captured: a run ends where the sender changes."""
    low, group = segments.from_low[filled], segments.group[filled]
    new = np.ones(len(filled), bool)
    new[1:] = (low[1:] != low[:-1]) | (group[1:] != group[:-1])
    return filled, np.cumsum(new)


def by_side(segments: SegmentTable, filled: Ints) -> tuple[Ints, Ints]:
    """First all that the smaller end of a group sent, then all of the other: their runs are 2n and 2n + 1."""
    run = segments.group[filled] * 2 + ~segments.from_low[filled]
    order = np.argsort(run, kind="stable")
    return filled[order], run[order]


class Turns:
    """Runs of each group in the order of capture."""

    def __init__(self, table: PacketTable, segments: SegmentTable) -> None:
        """See Payload."""
        self._payload = Payload(table, segments, by_turn)
        groups = np.arange(len(segments.start) + 1)
        self._first: list[int] = np.searchsorted(self._payload.group, groups).tolist()
        self._low: list[bool] = self._payload.low.tolist()

    def build(self, group: int, *, is_low_client: bool) -> list[tuple[Side, Run]]:
        """All runs of one group."""
        return [
            (
                "client" if self._low[index] == is_low_client else "server",
                self._payload.build(index),
            )
            for index in range(self._first[group], self._first[group + 1])
        ]


class Talks:
    """Both sides of each group."""

    def __init__(self, table: PacketTable, segments: SegmentTable) -> None:
        """See Payload."""
        self._payload = Payload(table, segments, by_side)
        self._index = np.full(2 * len(segments.start), -1)
        self._index[self._payload.run_of] = np.arange(len(self._payload.run_of))
        self._indices: list[int] = self._index.tolist()

    def build(self, group: int, *, is_low_client: bool) -> Talk:
        """One group."""
        low, high = self._indices[2 * group : 2 * group + 2]
        client, server = (low, high) if is_low_client else (high, low)
        build = self._payload.build
        return Talk(
            build(client) if client >= 0 else _NOTHING,
            build(server) if server >= 0 else _NOTHING,
        )


_NOTHING = Run(b"", [], [], [])
