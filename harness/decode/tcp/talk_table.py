"""TalkTable: the payload of many connections, of each first all of the client's, then all of the server's.

Every place is an offset into the bytes of all of them. A side is one direction of one connection: sides 2n and 2n + 1
are the client and the server of connection n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.decode.packet.table import Ints, PacketTable
from harness.decode.tcp.run import Run
from harness.decode.tcp.segment_table import Bools, SegmentTable
from harness.decode.tcp.talk import Talk

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class TalkTable:
    """Nobody changes it."""

    data: bytes
    start: Ints
    """Where each side begins, and where the last one ends."""
    first: Ints
    """First packet of each side among those below; and how many there are."""
    ends: Ints
    """Where the bytes of each packet end."""
    numbers: Ints
    times: Ints
    is_cut: Bools
    """Of each connection: more was sent that is not here."""

    def __len__(self) -> int:
        """Connections."""
        return len(self.is_cut)

    @cached_property
    def bytes(self) -> Bytes:
        """The data as a column; never empty, so that something can be taken from it."""
        return np.frombuffer(self.data or b"\0", np.uint8)

    def find_packets(self, offsets: Ints | Sequence[int]) -> Ints:
        """Index of the packet that brought the byte before each offset."""
        return np.searchsorted(self.ends, offsets)

    def build(self, row: int) -> Talk:
        """One connection."""
        return Talk(self._build(2 * row), self._build(2 * row + 1), bool(self.is_cut[row]))

    def _build(self, side: int) -> Run:
        begin, end = self.start[side], self.start[side + 1]
        chosen = slice(self.first[side], self.first[side + 1])
        return Run(
            self.data[begin:end],
            (self.ends[chosen] - begin).tolist(),
            self.numbers[chosen].tolist(),
            self.times[chosen].tolist(),
        )


def join_talks(
    table: PacketTable,
    segments: SegmentTable,
    groups: Ints,
    is_low_client: Bools,
    *,
    first_packets: int | None = None,
) -> TalkTable:
    """What both ends of some groups sent; or only so many packets of each.

    Args:
        table: The window.
        segments: Its segments.
        groups: Those of which the bytes are wanted, ascending.
        is_low_client: Of each group of the window: the smaller end sent the SYN.
        first_packets: Of each group.
    """
    row = np.full(len(segments.start), -1)
    row[groups] = np.arange(len(groups))
    mine = (segments.size > 0) & (row[segments.group] >= 0)
    is_cut = np.zeros(len(groups), bool)
    if first_packets is not None:
        place = np.arange(len(mine)) - segments.start[segments.group]
        mine &= place < first_packets
        count = np.diff(np.append(segments.start, len(mine)))
        is_cut = count[groups] > first_packets
    filled = np.flatnonzero(mine)
    group = segments.group[filled]
    side = 2 * row[group] + (segments.from_low[filled] != is_low_client[group])
    order = np.argsort(side, kind="stable")
    filled = filled[order]
    place, size = segments.place[filled], segments.size[filled]
    ends = np.cumsum(size)
    first = np.searchsorted(side[order], np.arange(2 * len(groups) + 1))
    parts = map(slice, place.tolist(), (place + size).tolist())
    return TalkTable(
        data=b"".join(map(table.data.__getitem__, parts)),
        start=np.concatenate([[0], ends])[first],
        first=first,
        ends=ends,
        numbers=segments.row[filled] + table.first_number,
        times=segments.time_ns[filled],
        is_cut=is_cut,
    )
