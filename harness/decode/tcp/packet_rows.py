"""PacketRows: the packets of a SegmentTable as rows of the packet list, without looking at each one in Python."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from ipaddress import IPv4Address

import numpy as np

from harness.decode.packet.frame import ACK, FIN, RST, SYN, TCP
from harness.decode.packet.link import find_payload
from harness.decode.packet.table import Ints, PacketTable
from harness.decode.tcp.segment_table import Bools, SegmentTable
from harness.trace.packet import Flow
from harness.trace.packet_list import NO_TYPE, NONE, Columns

_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
_MAX_KNOWN = 1 << 16
"""Ways remembered at most; one that comes again later is listed again."""

Rows = list[tuple[int, ...]]
"""As Columns.build_row makes them."""


class PacketRows:
    """Finds rows, table by table; it keeps which connections were seen to open."""

    def __init__(
        self, columns: Columns, *, is_whole: bool, numbers: Collection[int] | None = None
    ) -> None:
        """Append to these columns; `is_whole`: every segment, else those that a check can name; or just `numbers`."""
        self._columns = columns
        self._is_whole = is_whole
        self._numbers = None if numbers is None else np.array(sorted(numbers), np.int64)
        self._opened: set[int] = set()
        """Mixed tap and ends of connections whose SYN was seen."""
        self._ways: dict[tuple[str, int, int], int] = {}
        self._addresses: dict[int, IPv4Address] = {}

    def add(
        self,
        table: PacketTable,
        segments: SegmentTable | None,
        others: Rows,
        taps: dict[int, tuple[str, int]],
    ) -> None:
        """Take in segments, and the rows of the other packets of the table; taps are names and link types."""
        parts = [np.array(others, np.int64).reshape(len(others), len(self._columns.all()))]
        if segments is not None and self._may_hold(table):
            parts.append(self._build(table, segments, taps))
        rows = np.concatenate(parts)
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        for column, values in zip(self._columns.all(), rows.T, strict=True):
            _extend(column, values)

    def _build(
        self, table: PacketTable, segments: SegmentTable, taps: dict[int, tuple[str, int]]
    ) -> Ints:
        keep: slice | Ints = slice(None)
        if self._numbers is not None:
            numbers = segments.row + table.first_number
            keep = np.flatnonzero(np.isin(numbers, self._numbers))
        elif not self._is_whole:
            keep = np.flatnonzero(self._find_named(segments))
        row = segments.row[keep]
        way = self._find_ways(segments, taps)
        for index, count in zip(
            *map(np.ndarray.tolist, np.unique(way, return_counts=True)), strict=True
        ):
            self._columns.count[index] += count
        ether_types = np.full(max(taps, default=0) + 1, NO_TYPE)
        interface = segments.interface[keep]
        for index in np.unique(interface).tolist():
            first = int(segments.row[np.flatnonzero(segments.interface == index)[0]])
            begin = int(table.offset[first])
            frame = bytes(table.data[begin : begin + int(table.kept[first])])
            wire_type = find_payload(taps[index][1], frame).wire_type
            ether_types[index] = NO_TYPE if wire_type is None else wire_type
        no_value = np.full(len(row), NONE)
        return np.stack(
            [
                row + table.first_number,
                segments.time_ns[keep],
                way[keep],
                table.size[row],
                ether_types[interface],
                segments.flags[keep],
                segments.size[keep],
                no_value,
                np.zeros(len(row), np.int64),
            ],
            axis=1,
        )

    def _may_hold(self, table: PacketTable) -> bool:
        """Whether anything of a table is wanted."""
        if self._numbers is None:
            return True
        places = (table.first_number, table.first_number + len(table))
        first, last = np.searchsorted(self._numbers, places).tolist()
        return bool(first < last)

    def _find_named(self, segments: SegmentTable) -> Bools:
        """Which segments tell more than those before them."""
        index = np.arange(len(segments.row))
        first, low, flags = segments.start[segments.group], segments.from_low, segments.flags
        opening = flags & (SYN | ACK) == SYN
        opened = np.maximum.accumulate(np.where(opening, index, -1))
        named = flags & (SYN | FIN | RST) != 0
        for side in (low, ~low):
            before = np.full(len(index), -1)
            before[1:] = np.maximum.accumulate(np.where(side, index, -1))[:-1]
            named |= side & ((before < first) | (before < opened))
        # A direction that speaks before its first packet in this table may have spoken in an earlier one: no matter.
        known = self._find_opened(segments)[segments.group] | (opened >= first)
        self._note_opened(segments, opening)
        found: Bools = named | ~known
        return found

    def _find_opened(self, segments: SegmentTable) -> Bools:
        """Which groups belong to a connection that was seen to open in an earlier table."""
        keys = self._mix(segments)
        return np.array([key in self._opened for key in keys.tolist()], bool)

    def _note_opened(self, segments: SegmentTable, opening: Bools) -> None:
        groups = np.unique(segments.group[opening])
        self._opened.update(self._mix(segments)[groups].tolist())

    def _mix(self, segments: SegmentTable) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        start = segments.start
        tap = segments.interface[start].astype(np.uint64)
        mixed: np.ndarray[tuple[int], np.dtype[np.uint64]] = segments.low[start] * _MIX[0] ^ (
            segments.high[start] * _MIX[1] + tap * _MIX[2]
        )
        return mixed ^ mixed >> np.uint64(29)

    def _find_ways(self, segments: SegmentTable, taps: dict[int, tuple[str, int]]) -> Ints:
        """The way of each segment."""
        start = segments.start
        ways = np.zeros((len(start), 2), np.int64)
        low, high = segments.low[start].tolist(), segments.high[start].tolist()
        names = [taps[index][0] for index in segments.interface[start].tolist()]
        for index, (name, one, other) in enumerate(zip(names, low, high, strict=True)):
            ways[index, 1] = self._find_way(name, one, other)
            ways[index, 0] = self._find_way(name, other, one)
        found: Ints = ways[segments.group, segments.from_low.astype(np.int64)]
        return found

    def _find_way(self, tap: str, source: int, destination: int) -> int:
        way = self._ways.get((tap, source, destination))
        if way is None:
            if len(self._ways) >= _MAX_KNOWN:
                self._ways.clear()
                self._addresses.clear()
            flow = Flow(
                src=self._find_address(source >> 16),
                dst=self._find_address(destination >> 16),
                protocol=TCP,
                src_port=source & 0xFFFF,
                dst_port=destination & 0xFFFF,
            )
            way = self._ways[tap, source, destination] = self._columns.add_way(tap, flow)
        return way

    def _find_address(self, value: int) -> IPv4Address:
        address = self._addresses.get(value)
        if address is None:
            address = self._addresses[value] = IPv4Address(value)
        return address


def _extend(column: array[int], values: Ints) -> None:
    """Append as the column's own type."""
    column.frombytes(np.ascontiguousarray(values, dtype=np.dtype(column.typecode)).tobytes())
