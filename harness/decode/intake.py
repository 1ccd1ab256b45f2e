"""Intake: packets of whole tables to the Reassembler. Regular groups go at once, everything else packet by packet.

Both ways change a connection in the same manner; a group of which one packet is odd goes packet by packet as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Generic

import numpy as np

from harness.capture.block import Capture
from harness.decode.brief import Brief, find_close
from harness.decode.frame import FrameDecoder, Segment
from harness.decode.group import Group, Share
from harness.decode.layer_fields import LayerFields
from harness.decode.only import Only
from harness.decode.packet_table import Ints, PacketTable
from harness.decode.reassembly import Key, Reassembler, find_key
from harness.decode.regular import Before, GroupSums, judge_groups
from harness.decode.run import Run
from harness.decode.segment_table import SegmentTable, find_segments
from harness.decode.tcp_connection import R, TcpConnection
from harness.net.address import Endpoint
from harness.trace.packet import Packet, PacketNumber
from harness.trace.tls import Side

_MAX_SENT = 1 << 30
"""Bytes behind which an acknowledgment of a regular packet cannot be."""
_MAX_KNOWN = 1 << 15
"""Addresses, or flows, remembered at most."""


class Intake(Generic[R]):
    """Feeds one Reassembler."""

    def __init__(
        self,
        reassembler: Reassembler[R],
        *,
        only: Only,
        reason: Callable[[Packet], str],
        taps: dict[int, tuple[str, int]],
        skipped: Counter[str],
        read_brief: Callable[[Group], LayerFields | None],
        wants: bool,
        is_hashed: bool,
    ) -> None:
        """Take the filter; names and link types of interfaces, and counts, are shared with the caller."""
        self._reassembler = reassembler
        self._frames = FrameDecoder()
        self._only = only
        self._reason = reason
        self._addresses: dict[int, IPv4Address] = {}
        self._taps = taps
        self._skipped = skipped
        self._read_brief = read_brief
        self._wants = wants
        self._is_hashed = is_hashed

    def feed(self, table: PacketTable) -> None:
        """Take in a table; its window may change afterwards."""
        links = {index: link_type for index, (_, link_type) in self._taps.items()}
        segments, others = find_segments(table, links, self._only)
        odd = self._decode(table, others)
        careful: list[Segment] = [segment for _, segment in odd]
        taps = {segment.number: tap for tap, segment in odd}
        if segments is not None:
            rows = self._feed_groups(table, segments, {find_key(tap, s) for tap, s in odd})
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

    def _feed_groups(self, table: PacketTable, segments: SegmentTable, odd: set[Key]) -> Ints:
        """Take in the regular groups; gives the rows of all others."""
        start = segments.start
        taps = [self._taps[index][0] for index in segments.interface[start].tolist()]
        lows, highs = segments.low[start].tolist(), segments.high[start].tolist()
        keys = [
            (tap, low.to_bytes(6, "big"), high.to_bytes(6, "big"))
            for tap, low, high in zip(taps, lows, highs, strict=True)
        ]
        if len(set(keys)) < len(keys):
            # One tap in two sections of the file: two groups of one connection.
            odd = odd | {key for key, count in Counter(keys).items() if count > 1}
        present = [self._reassembler.find_present(key) for key in keys]
        regular, sums = judge_groups(segments, self._look_up(keys, present))
        careful = np.ones(len(start), bool)
        maker = _Maker(table, segments, sums)
        from_low = segments.from_low[start].tolist()
        for index, key in enumerate(keys):
            connection = present[index]
            if not regular[index] or key in odd or sums.ends_late(index):
                continue
            if connection is not None and not connection.is_calm():
                continue
            careful[index] = False
            if connection is None:
                self._open(
                    index, key, lows[index], highs[index], maker, is_low_client=from_low[index]
                )
                continue
            group = maker.build(
                index,
                is_low_client=connection.is_client(key[1]),
                wants=connection.receiver.wants,
            )
            connection.handle_group(group)
        return np.sort(segments.row[careful[segments.group]])

    def _open(
        self, index: int, key: Key, low: int, high: int, maker: _Maker, *, is_low_client: bool
    ) -> None:
        """A new connection; if it ended at once, as a Brief."""
        ends = (low, high) if is_low_client else (high, low)
        client, server = self._endpoint(ends[0]), self._endpoint(ends[1])
        client_key = key[1] if is_low_client else key[2]
        group = maker.build(index, is_low_client=is_low_client, wants=self._wants)
        closed = find_close(group)
        if closed is not None:
            layers = self._read_brief(group)
            if layers is not None:
                brief = Brief(
                    key[0],
                    client,
                    server,
                    client_key,
                    group,
                    closed,
                    layers,
                    is_hashed=self._is_hashed,
                )
                self._reassembler.add_brief(key, brief)
                return
        self._reassembler.open(key, client, server, client_key).handle_group(group)

    def _look_up(self, keys: list[Key], present: list[TcpConnection[R] | None]) -> Before:
        rows = [
            (0, 0, 0, 0, _EVER, True)
            if connection is None
            else (
                (*connection.next_seqs(key[1]), connection.closed_ns, False)
                if connection.is_calm()
                else _NOT_CALM
            )
            for key, connection in zip(keys, present, strict=True)
        ]
        columns = np.array([row[:5] for row in rows], np.int64)
        return Before(
            is_new=np.array([row[5] for row in rows]),
            next_low=columns[:, 0],
            next_high=columns[:, 1],
            sent_low=np.minimum(columns[:, 2], _MAX_SENT),
            sent_high=np.minimum(columns[:, 3], _MAX_SENT),
            time_ns=columns[:, 4],
        )

    def _endpoint(self, value: int) -> Endpoint:
        address = self._addresses.get(value >> 16)
        if address is None:
            if len(self._addresses) >= _MAX_KNOWN:
                self._addresses.clear()
            address = self._addresses[value >> 16] = IPv4Address(value >> 16)
        return Endpoint(address, value & 0xFFFF)


_EVER = -(1 << 63)
_NOT_CALM = (0, 0, 0, 0, _EVER, False)


_Columns = tuple[
    list[int], list[int], list[bool], list[int], list[int], list[int], list[PacketNumber], list[int]
]


class _Maker:
    """Makes Groups out of the columns."""

    def __init__(self, table: PacketTable, segments: SegmentTable, sums: GroupSums) -> None:
        self._data = table.data
        self._sums = sums
        self._number_of = segments.row + table.first_number
        self._numbers: list[PacketNumber] = self._number_of.tolist()
        self._start = [*segments.start.tolist(), len(self._numbers)]
        seq = segments.seq
        second = np.minimum(segments.start + 1, len(seq) - 1)
        self._first_seq = seq[segments.start].tolist()
        self._second_seq = seq[second].tolist()
        # The packets with payload, and where the side or the group changes among them.
        self._filled = np.flatnonzero(segments.size)
        self._segments = segments
        self._bytes: _Columns | None = None

    def _load(self) -> _Columns:
        """The columns of the payloads, when the first group wants them."""
        segments, filled = self._segments, self._filled
        place, size = segments.place[filled], segments.size[filled]
        low, group = segments.from_low[filled], segments.group[filled]
        new = np.ones(len(filled), bool)
        new[1:] = (low[1:] != low[:-1]) | (group[1:] != group[:-1])
        begins = np.flatnonzero(new)
        first_run = np.searchsorted(group[begins], np.arange(len(segments.start) + 1))
        return (
            first_run.tolist(),
            [*begins.tolist(), len(filled)],
            low[begins].tolist(),
            place.tolist(),
            (place + size).tolist(),
            np.cumsum(size).tolist(),
            self._number_of[filled].tolist(),
            segments.time_ns[filled].tolist(),
        )

    def build(self, index: int, *, is_low_client: bool, wants: bool) -> Group:
        sums = self._sums
        low = Share(
            sums.count_low[index],
            sums.size_low[index],
            sums.acked_low[index],
            sums.fin_low[index],
            sums.rst_low[index],
        )
        high = Share(
            sums.count_high[index],
            sums.size_high[index],
            sums.acked_high[index],
            sums.fin_high[index],
            sums.rst_high[index],
        )
        client, server = (low, high) if is_low_client else (high, low)
        return Group(
            self._numbers[self._start[index] : self._start[index + 1]],
            sums.first_ns[index],
            sums.last_ns[index],
            client,
            server,
            self._first_seq[index],
            self._second_seq[index],
            self._build_runs(index, is_low_client=is_low_client) if wants else [],
        )

    def _build_runs(self, index: int, *, is_low_client: bool) -> list[tuple[Side, Run]]:
        if self._bytes is None:
            self._bytes = self._load()
        first_run, begins, lows, place, after, total, numbers, times = self._bytes
        data = self._data
        runs: list[tuple[Side, Run]] = []
        for run in range(first_run[index], first_run[index + 1]):
            begin, end = begins[run], begins[run + 1]
            side: Side = "client" if lows[run] == is_low_client else "server"
            if end - begin == 1:
                joined = bytes(data[place[begin] : after[begin]])
                ends = [len(joined)]
            else:
                joined = b"".join([data[place[i] : after[i]] for i in range(begin, end)])
                before = total[begin - 1] if begin else 0
                ends = [value - before for value in total[begin:end]]
            runs.append((side, Run(joined, ends, numbers[begin:end], times[begin:end])))
        return runs
