"""Payload: the bytes of the groups of a window, brought together group by group when somebody wants them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import cast

import numpy as np

from harness.decode.packet.table import Ints, PacketTable
from harness.decode.tcp.run import NOTHING, Run
from harness.decode.tcp.segment_table import SegmentTable
from harness.decode.tcp.talk import Talk
from harness.trace.packet import PacketNumber


class Payload:
    """What both ends of each group sent; good as long as the window."""

    def __init__(self, table: PacketTable, segments: SegmentTable) -> None:
        """Take the window."""
        filled, low = segments.size > 0, segments.from_low
        self._low = _Side(table, segments, np.flatnonzero(filled & low))
        self._high = _Side(table, segments, np.flatnonzero(filled & ~low))

    def build(
        self,
        group: int,
        *,
        is_low_client: bool,
        since: PacketNumber | None = None,
        until: PacketNumber | None = None,
    ) -> Talk:
        """One group; only packets from the number `since` on, and before the number `until`."""
        low = self._low.build(group, since, until)
        high = self._high.build(group, since, until)
        return Talk(low, high) if is_low_client else Talk(high, low)


class _Side:
    """What one end of each group sent, packet by packet, without a Python object for any of them."""

    def __init__(self, table: PacketTable, segments: SegmentTable, filled: Ints) -> None:
        self._data = table.data
        place, size = segments.place[filled], segments.size[filled]
        first = np.searchsorted(segments.group[filled], np.arange(len(segments.start) + 1))
        self._first: list[int] = first.tolist()
        """Of each group, and one more."""
        total = np.cumsum(size)
        before = np.concatenate([[0], total])[first[:-1]]
        self._place, self._after = place.data, (place + size).data
        self._ends = (total - np.repeat(before, np.diff(first))).data
        numbers = segments.row[filled] + table.first_number
        self._numbers = cast("Sequence[PacketNumber]", numbers.data)
        self._times = segments.time_ns[filled].data

    def build(self, group: int, since: PacketNumber | None, until: PacketNumber | None) -> Run:
        begin, end = self._first[group], self._first[group + 1]
        first = begin
        if since is not None:
            begin = bisect_left(self._numbers, since, begin, end)
        if until is not None:
            end = bisect_left(self._numbers, until, begin, end)
        if begin == end:
            return NOTHING
        parts = map(slice, self._place[begin:end], self._after[begin:end])
        data = b"".join(map(self._data.__getitem__, parts))
        ends: Sequence[int] = self._ends[begin:end]
        if begin > first:
            skipped = self._ends[begin - 1]
            ends = [place - skipped for place in ends]
        return Run(data, ends, self._numbers[begin:end], self._times[begin:end])
