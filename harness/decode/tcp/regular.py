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
    answer: Ints
    """First segment that the other end sent than the first one; or one after the last segment of the table."""

    def ends_late(self) -> Bools:
        """The connection may have been over before the last packets: they need a closer look."""
        ended = (self.low[:, FIN_SENT:] | self.high[:, FIN_SENT:]).any(axis=1)
        return ended & (self.last_ns - self.first_ns >= LINGER_NS)


def judge_groups(table: SegmentTable, before: Before) -> tuple[Bools, GroupSums]:
    """Which groups are regular, and the sums (which mean something for those only)."""
    start, group, low, flags = table.start, table.group, table.from_low, table.flags
    answer = _find_answers(table)
    syn, fin, rst = flags & SYN != 0, flags & FIN != 0, flags & RST != 0
    advance = table.size + syn + fin
    # Where all is in its place, each packet begins where those before it end.
    by_low = np.where(low, advance, 0)
    before_low, before_both = _sum_before(by_low, table), _sum_before(advance, table)
    mine = np.where(low, before_low, before_both - before_low)
    theirs = before_both - mine
    base_low, base_high, begins = _find_bases(table, before, answer)
    good = table.seq == (np.where(low, base_low[group], base_high[group]) + mine) & _MASK
    good &= syn == begins
    # No packet has two of these, and one that opens or resets has no data.
    kind = flags & (SYN | FIN | RST)
    good &= (kind & (kind - 1) == 0) & (~(syn | rst) | (table.size == 0))
    if fin.any():
        after_low, after_both = np.add.reduceat(by_low, start), np.add.reduceat(advance, start)
        last = np.flatnonzero(fin)
        whole = np.where(low[last], after_low[group[last]], (after_both - after_low)[group[last]])
        good[last] &= mine[last] + advance[last] == whole

    behind = (np.where(low, base_high[group], base_low[group]) + theirs - table.ack) & _MASK
    new = before.is_new
    theirs -= new[group]  # What it can acknowledge; a new end has sent nothing before its SYN.
    is_ack = flags & (ACK | RST) == ACK
    sent = np.where(low, before.sent_high[group], before.sent_low[group]) + theirs
    spoken = rst | is_ack & (behind <= sent)
    spoken[start[new]] = flags[start[new]] & (ACK | RST) == 0
    good &= spoken

    later = table.time_ns[1:] >= table.time_ns[:-1]
    later[start[1:] - 1] = True
    good[1:] &= later
    good[start] &= table.time_ns[start] >= before.time_ns

    # How far each acknowledgment goes beyond what the other side had sent before.
    beyond = np.where(is_ack, theirs - behind, _NO_ACK)
    sums = GroupSums(
        low=_sum(table, low, np.where(low, _NO_ACK, beyond), fin, rst),
        high=_sum(table, ~low, np.where(low, beyond, _NO_ACK), fin, rst),
        first_ns=table.time_ns[start],
        last_ns=np.maximum.reduceat(table.time_ns, start),
        answer=answer,
    )
    return np.logical_and.reduceat(good, start), sums


def _sum(table: SegmentTable, mine: Bools, acked: Ints, fin: Bools, rst: Bools) -> Ints:
    """The columns of one side."""
    start, group = table.start, table.group
    sums = np.empty((len(start), 5), np.int64)
    sums[:, COUNT] = np.add.reduceat(mine, start, dtype=np.int64)
    sums[:, SIZE] = np.add.reduceat(np.where(mine, table.size, 0), start)
    sums[:, ACKED] = np.maximum.reduceat(acked, start)
    sums[:, FIN_SENT] = np.bincount(group[fin & mine], minlength=len(start)) > 0
    sums[:, RST_SENT] = np.bincount(group[rst & mine], minlength=len(start))
    return sums


def _sum_before(column: Ints, table: SegmentTable) -> Ints:
    """What the packets before each one in its group have together."""
    total = np.cumsum(column) - column
    total -= total[table.start][table.group]
    return total


def _find_answers(table: SegmentTable) -> Ints:
    """First segment of each group that the other end sent; or one after the last segment of all."""
    low, start, count = table.from_low, table.start, len(table.row)
    turns = np.append(np.flatnonzero(low[1:] != low[:-1]) + 1, count)
    found = turns[np.searchsorted(turns, start, "right")]
    return np.where(found < np.append(start[1:], count), found, count)


def _find_bases(table: SegmentTable, before: Before, answer: Ints) -> tuple[Ints, Ints, Bools]:
    """Where the first packet of each end has to begin, and which packets are the first of a new end."""
    new = np.flatnonzero(before.is_new)
    first, other = table.start[new], answer[new]
    begins = np.zeros(len(table.row) + 1, bool)
    begins[first] = begins[other] = True
    seq = np.append(table.seq, 0)
    is_low = table.from_low[first]
    low, high = before.next_low.copy(), before.next_high.copy()
    low[new] = np.where(is_low, seq[first], seq[other])
    high[new] = np.where(is_low, seq[other], seq[first])
    return low, high, begins[:-1]
