"""Regular: which connections need no reassembly, told for all groups of a SegmentTable at once.

A group is regular where each packet begins exactly where its side had ended, acknowledges nothing that was not seen
yet, and time does not go back. What a regular group does to its connection is a few sums (GroupSums); everything else
is followed packet by packet. Sequence numbers are modulo 2**32 (RFC 9293 section 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.decode.packet.frame import ACK, FIN, RST, SYN
from harness.decode.packet.table import Ints
from harness.decode.tcp.ending import LINGER_NS
from harness.decode.tcp.group import ACKED, COUNT, FIN_SENT, RST_SENT, SIZE
from harness.decode.tcp.segment_table import Bools, SegmentTable

_MASK = 0xFFFFFFFF
_NO_ACK = -(1 << 40)


@dataclass(frozen=True, slots=True)
class Before:
    """What was known of each group before: one row a group. An end's numbers are sequence numbers."""

    is_new: Bools
    """Nothing: the first packet has to be the SYN."""
    next_low: Ints
    """Next byte of the smaller end."""
    next_high: Ints
    sent_low: Ints
    """Bytes that the smaller end had sent: no acknowledgment reaches behind them."""
    sent_high: Ints
    time_ns: Ints
    """Of the last packet."""


@dataclass(frozen=True, slots=True)
class GroupSums:
    """What each group adds to its connection, one row a group. `low` is what the smaller end sent."""

    low: Ints
    """One column for each field of a Share."""
    high: Ints
    first_ns: Ints
    last_ns: Ints

    def ends_late(self) -> Bools:
        """The connection may have been over before the last packets: they need a closer look."""
        ended = (self.low[:, FIN_SENT:] | self.high[:, FIN_SENT:]).any(axis=1)
        return ended & (self.last_ns - self.first_ns >= LINGER_NS)


def judge_groups(table: SegmentTable, before: Before) -> tuple[Bools, GroupSums]:
    """Which groups are regular, and the sums (which mean something for those only)."""
    index = np.arange(len(table.row))
    group, low, flags = table.group, table.from_low, table.flags
    first = table.start[group]
    syn, fin = flags & SYN != 0, flags & FIN != 0
    rst, ack = flags & RST != 0, flags & ACK != 0
    advance = table.size + syn + fin
    ends = (table.seq + advance) & _MASK
    last_low, last_high = _last(low, index), _last(~low, index)
    same, other = np.where(low, last_low, last_high), np.where(low, last_high, last_low)
    has_same, has_other = same >= first, other >= first
    is_first, is_new = index == first, before.is_new[group]
    base_low, base_high = _bases(table, before, low)
    mine = np.where(low, base_low[group], base_high[group])
    theirs = np.where(low, base_high[group], base_low[group])
    expected = np.where(has_same, ends[same], (mine - is_new) & _MASK)
    heard = np.where(has_other, ends[other], theirs)
    behind = (heard - table.ack) & _MASK
    sent_before = np.where(low, before.sent_high[group], before.sent_low[group])
    sent = sent_before + ((heard - theirs) & _MASK)
    earlier_ns = np.where(is_first, before.time_ns[group], table.time_ns[index - 1])

    good = (table.seq == expected) & (table.time_ns >= earlier_ns)
    good &= syn == (is_new & ~has_same)
    good &= ~(syn & (fin | (table.size > 0))) & ~(rst & (syn | fin | (table.size > 0)))
    acknowledges = ack & (behind <= sent) & (has_other | ~is_new)
    good &= rst | acknowledges | (is_first & is_new & ~ack)
    good &= ~(is_first & is_new & (ack | rst))
    if fin.any():
        for side in (low, ~low):
            good &= ~(side & (advance > 0) & (_last(side & fin, index) >= first))

    # How far each acknowledgment goes beyond what the other side had sent before.
    beyond = np.where(ack & ~rst, ((heard - theirs) & _MASK) - behind, _NO_ACK)
    start = table.start
    sums = GroupSums(
        low=_sum(start, low, table.size, np.where(low, _NO_ACK, beyond), fin, rst),
        high=_sum(start, ~low, table.size, np.where(low, beyond, _NO_ACK), fin, rst),
        first_ns=table.time_ns[start],
        last_ns=np.maximum.reduceat(table.time_ns, start),
    )
    return np.logical_and.reduceat(good, start), sums


def _sum(start: Ints, mine: Bools, size: Ints, acked: Ints, fin: Bools, rst: Bools) -> Ints:
    """The columns of one side."""
    sums = np.empty((len(start), 5), np.int64)
    sums[:, COUNT] = np.add.reduceat(mine, start, dtype=np.int64)
    sums[:, SIZE] = np.add.reduceat(np.where(mine, size, 0), start)
    sums[:, ACKED] = np.maximum.reduceat(acked, start)
    sums[:, FIN_SENT] = np.logical_or.reduceat(fin & mine, start)
    sums[:, RST_SENT] = np.add.reduceat(rst & mine, start, dtype=np.int64)
    return sums


def _last(marked: Bools, index: Ints) -> Ints:
    """For each segment the last one before it that is marked; -1: none."""
    last = np.empty_like(index)
    last[0] = -1
    np.maximum.accumulate(np.where(marked, index, -1)[:-1], out=last[1:])
    return last


def _bases(table: SegmentTable, before: Before, low: Bools) -> tuple[Ints, Ints]:
    """The next byte of both ends before the group; in a new one that after the first packet, which is the SYN."""
    both = [before.next_low.copy(), before.next_high.copy()]
    if before.is_new.any():
        for side, mine in zip(both, (low, ~low), strict=True):
            # Backwards, so that the first of each group is written last.
            where = np.flatnonzero(mine & before.is_new[table.group])[::-1]
            side[table.group[where]] = (table.seq[where] + 1) & _MASK
    return both[0], both[1]
