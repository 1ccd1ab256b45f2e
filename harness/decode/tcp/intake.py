"""Intake: packets of whole tables to the Reassembler. Regular groups go at once, everything else packet by packet.

Both ways change a connection in the same manner; a group of which one packet is odd goes packet by packet as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Generic

import numpy as np

from harness.capture.block import Capture
from harness.decode.packet.frame import FrameDecoder, Segment
from harness.decode.packet.joins import Joins
from harness.decode.packet.only import Only
from harness.decode.packet.table import Ints, PacketTable
from harness.decode.tcp.connection import TcpConnection
from harness.decode.tcp.flow_key import Key, find_key
from harness.decode.tcp.form import Form
from harness.decode.tcp.group_table import GroupTable
from harness.decode.tcp.lingering import Lingering
from harness.decode.tcp.reassembly import Reassembler
from harness.decode.tcp.receiver import R
from harness.decode.tcp.regular import Before, GroupSums, judge_groups
from harness.decode.tcp.segment_table import Bools, SegmentTable, find_segments
from harness.decode.tcp.whole import find_whole
from harness.trace.packet import Packet

_MAX_SENT = 1 << 30
"""Bytes behind which an acknowledgment of a regular packet cannot be."""


class Intake(Generic[R]):
    """Feeds one Reassembler."""

    def __init__(
        self,
        reassembler: Reassembler[R],
        lingering: Lingering[Any],
        form: Form[Any, R, Any],
        *,
        only: Only,
        reason: Callable[[Packet], str],
        taps: dict[int, tuple[str, int]],
        joins: Joins,
        skipped: Counter[str],
    ) -> None:
        """Take the filter; names and link types of interfaces, joins and counts are shared with the caller."""
        self._reassembler = reassembler
        self._lingering = lingering
        self._form = form
        self._frames = FrameDecoder()
        self._only = only
        self._reason = reason
        self._taps = taps
        self._joins = joins
        self._skipped = skipped

    def feed(self, table: PacketTable) -> None:
        """Take in a table; its window may change afterwards."""
        links = {index: link_type for index, (_, link_type) in self._taps.items()}
        names = {index: self._joins.name(tap) for index, (tap, _) in self._taps.items()}
        segments, others = find_segments(table, links, self._only, alike=_find_alike(names))
        odd = self._decode(table, others)
        careful: list[Segment] = [segment for _, segment in odd]
        taps = {segment.number: tap for tap, segment in odd}
        if segments is not None:
            odd_keys = {find_key(tap, s) for tap, s in odd}
            rows = self._feed_groups(GroupTable(table, segments, names), segments, odd_keys)
            for tap, segment in self._decode(table, rows):
                careful.append(segment)
                taps[segment.number] = tap
            careful.sort(key=lambda segment: segment.number)
        for segment in careful:
            self._reassembler.feed(taps[segment.number], segment)

    def feed_single(self, capture: Capture) -> None:
        """Take in a packet that is in no table."""
        tap, segment = self._decode_one(
            capture.interface, capture.data, capture.number, capture.time_ns, capture.size
        )
        if segment is not None:
            self._reassembler.feed(tap, segment)

    def _decode_one(
        self, interface: int, data: bytes, number: int, time_ns: int, size: int
    ) -> tuple[str, Segment | None]:
        tap, link_type = self._taps[interface]
        packet, segment = self._frames.decode(
            link_type, data, number=number, time_ns=time_ns, tap=tap, size=size
        )
        if segment is None:
            self._skipped[self._reason(packet)] += 1
            return tap, None
        if segment.earlier:
            # The fragments that wait were counted as skipped.
            self._skipped["fragment"] -= len(segment.earlier)
        tap, segment = self._joins.move(tap, segment)
        return tap, segment if self._only.accepts(segment) else None

    def _decode(self, table: PacketTable, rows: Ints) -> list[tuple[str, Segment]]:
        """Packets one by one; those that cannot be followed are counted."""
        found: list[tuple[str, Segment]] = []
        columns = (table.offset, table.kept, table.size, table.time_ns, table.interface)
        picked = [column[rows].tolist() for column in columns]
        for row, offset, kept, size, time_ns, interface in zip(rows.tolist(), *picked, strict=True):
            tap, segment = self._decode_one(
                interface,
                bytes(table.data[offset : offset + kept]),
                table.first_number + row,
                time_ns,
                size,
            )
            if segment is not None:
                found.append((tap, segment))
        return found

    def _feed_groups(self, groups: GroupTable, segments: SegmentTable, odd: set[Key]) -> Ints:
        """Take in the regular groups; gives the rows of all others."""
        places = dict(zip(groups.keys, range(len(groups)), strict=True))
        careful = np.zeros(len(groups), bool)
        for key in (places.keys() & odd) | self._lingering.find(places.keys()):
            careful[places[key]] = True
        calm: dict[int, TcpConnection[R]] = {}
        for key, connection in self._reassembler.find_present(places.keys()).items():
            index = places[key]
            if not careful[index]:
                calm[index] = connection
                careful[index] = not connection.is_calm()
        before = _look_up(groups.keys, calm, careful)
        regular, sums = judge_groups(segments, before)
        careful |= ~regular | sums.ends_late()
        left = ~careful
        left[self._feed_whole(groups, sums, before.is_new & left & find_whole(sums))] = False
        for index in np.flatnonzero(left).tolist():
            self._feed_group(groups, sums, index, calm.get(index))
        return np.sort(segments.row[careful[segments.group]])

    def _feed_whole(self, groups: GroupTable, sums: GroupSums, whole: Bools) -> list[int]:
        """Take in connections that are all there; gives those that need no more."""
        form = self._form
        rows: list[int] = np.flatnonzero(whole).tolist()
        facts: list[Any] = [None] * len(rows)
        talks, read = None, [*range(len(rows))]
        if form.wants and rows:
            talks = groups.build_talks(rows, form.first_packets)
            facts = form.read(talks)
            read = [place for place, fact in enumerate(facts) if fact is not None]
            rows = [rows[place] for place in read]
            facts = [facts[place] for place in read]
        if rows:
            self._lingering.add(groups.build_whole(rows, sums, facts, talks, read))
        return rows

    def _feed_group(
        self, groups: GroupTable, sums: GroupSums, index: int, connection: TcpConnection[R] | None
    ) -> None:
        """Regular packets of one connection, which may be new."""
        key = groups.keys[index]
        if connection is None:
            is_low_client = bool(groups.is_low_client[index])
            client, server = groups.build_ends(index)
            connection = self._reassembler.open(key, client, server, is_low_client=is_low_client)
        else:
            is_low_client = connection.is_client(key[1][:6])
        first = self._form.first_packets
        connection.handle_group(
            groups.build_group(index, sums, is_low_client=is_low_client, first_packets=first)
        )


def _find_alike(names: dict[int, str]) -> Ints | None:
    """By interface the first one of that name; None: they all differ."""
    first: dict[str, int] = {}
    alike = [first.setdefault(names.get(i, ""), i) for i in range(max(names, default=-1) + 1)]
    return np.array(alike, np.int64) if len(first) < len(alike) else None


def _look_up(keys: list[Key], calm: dict[int, TcpConnection[R]], careful: Bools) -> Before:
    """What was known of each group; those that go the careful way anyway are not new."""
    columns = np.zeros((5, len(keys)), np.int64)
    columns[4] = _EVER
    is_new = ~careful
    for index, connection in calm.items():
        is_new[index] = False
        if not careful[index]:
            columns[:4, index] = connection.next_seqs(keys[index][1][:6])
            columns[4, index] = connection.closed_ns
    return Before(
        is_new=is_new,
        next_low=columns[0],
        next_high=columns[1],
        sent_low=np.minimum(columns[2], _MAX_SENT),
        sent_high=np.minimum(columns[3], _MAX_SENT),
        time_ns=columns[4],
    )


_EVER = -(1 << 63)
