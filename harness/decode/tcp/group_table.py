"""GroupTable: the groups of one window, and what can be made of each: a Group, a Talk, a row of a WholeTable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TypeVar, cast

import numpy as np

from harness.decode.packet.table import PacketTable
from harness.decode.tcp.flow_key import Key
from harness.decode.tcp.group import Group, build_share
from harness.decode.tcp.payload import Payload
from harness.decode.tcp.regular import GroupSums
from harness.decode.tcp.segment_table import SegmentTable
from harness.decode.tcp.talk import Talk
from harness.decode.tcp.talk_table import TalkTable, join_talks
from harness.decode.tcp.whole import WholeTable, build_endpoint
from harness.net.address import Endpoint
from harness.trace.packet import PacketNumber

F = TypeVar("F")


class GroupTable:
    """All of it is good as long as the window."""

    def __init__(self, table: PacketTable, segments: SegmentTable, taps: dict[int, str]) -> None:
        """Take the segments; taps have names."""
        self._table = table
        self._segments = segments
        start = segments.start
        self._start = [*start.tolist(), len(segments.row)]
        self._numbers = segments.row + table.first_number
        self.is_low_client = segments.from_low[start]
        """The smaller end sent the first packet."""
        names = np.array(segments.interface[start]).tolist()
        self.taps = [taps[index] for index in names]
        self.keys: list[Key] = list(zip(self.taps, self._find_ends(), strict=True))

    def __len__(self) -> int:
        """Groups."""
        return len(self.keys)

    def _find_ends(self) -> list[bytes]:
        """The second part of each key."""
        segments = self._segments
        ends = np.empty((len(segments.start), 12), np.uint8)
        for column, end in ((0, segments.low), (6, segments.high)):
            big = end[segments.start].astype(">u8").view(np.uint8).reshape(-1, 8)
            ends[:, column : column + 6] = big[:, 2:]
        found: list[bytes] = ends.view("V12").ravel().tolist()
        return found

    @cached_property
    def _payload(self) -> Payload:
        return Payload(self._table, self._segments)

    def build_ends(self, index: int) -> tuple[Endpoint, Endpoint]:
        """Client and server of a new connection."""
        segments, begin = self._segments, self._start[index]
        low = build_endpoint(int(segments.low[begin]))
        high = build_endpoint(int(segments.high[begin]))
        return (low, high) if self.is_low_client[index] else (high, low)

    def build_talks(self, groups: list[int], first_packets: int | None = None) -> TalkTable:
        """What both ends of new connections sent; or only in so many packets of each."""
        return join_talks(
            self._table,
            self._segments,
            np.array(groups, np.int64),
            self.is_low_client,
            first_packets=first_packets,
        )

    def _cut(self, index: int, *, is_low_client: bool, first_packets: int | None) -> Iterator[Talk]:
        """The payload of a group: all of it, or what the first packets brought, and then the rest."""
        begin, end = self._start[index], self._start[index + 1]
        build = self._payload.build
        if first_packets is None or begin + first_packets >= end:
            yield build(index, is_low_client=is_low_client)
            return
        number = PacketNumber(int(self._numbers[begin + first_packets]))
        talk = build(index, is_low_client=is_low_client, until=number)
        yield Talk(talk.client, talk.server, is_cut=True)
        yield build(index, is_low_client=is_low_client, since=number)

    def build_group(
        self, index: int, sums: GroupSums, *, is_low_client: bool, first_packets: int | None = None
    ) -> Group:
        """One group; its bytes in two parts where somebody may want no more than those of the first packets."""
        low, high = build_share(sums.low[index].tolist()), build_share(sums.high[index].tolist())
        begin, end = self._start[index], self._start[index + 1]
        answer, seq = int(sums.answer[index]), self._segments.seq
        is_answered = answer < len(seq)
        return Group(
            numbers=cast("Sequence[PacketNumber]", self._numbers.data)[begin:end],
            first_ns=int(sums.first_ns[index]),
            last_ns=int(sums.last_ns[index]),
            client=low if is_low_client else high,
            server=high if is_low_client else low,
            client_isn=int(seq[begin]),
            server_isn=int(seq[answer]) if is_answered else 0,
            answer=PacketNumber(int(self._numbers[answer])) if is_answered else None,
            talks=self._cut(index, is_low_client=is_low_client, first_packets=first_packets),
        )

    def build_whole(
        self,
        rows: list[int],
        sums: GroupSums,
        facts: list[F],
        talks: TalkTable | None,
        talk_row: list[int],
    ) -> WholeTable[F]:
        """These groups, each of them a whole connection; for the last two see WholeTable."""
        segments, index = self._segments, np.array(rows)
        start = segments.start[index]
        is_low = self.is_low_client[index]
        low, high = segments.low[start], segments.high[start]
        low_sums, high_sums = sums.low[index], sums.high[index]
        answer = sums.answer[index]
        is_answered = answer < len(segments.seq)
        answer = np.where(is_answered, answer, 0)
        mine = np.zeros(len(self), bool)
        mine[index] = True
        count = np.diff(self._start)[index]
        return WholeTable(
            tap=[self.taps[row] for row in rows],
            keys=[self.keys[row] for row in rows],
            client=np.where(is_low, low, high),
            server=np.where(is_low, high, low),
            is_low_client=is_low,
            client_sums=np.where(is_low[:, None], low_sums, high_sums),
            server_sums=np.where(is_low[:, None], high_sums, low_sums),
            first_ns=sums.first_ns[index],
            last_ns=sums.last_ns[index],
            client_isn=segments.seq[start],
            server_isn=np.where(is_answered, segments.seq[answer], 0),
            answer=np.where(is_answered, self._numbers[answer], 0),
            numbers=self._numbers[mine[segments.group]],
            start=np.concatenate([[0], np.cumsum(count)]),
            facts=facts,
            talks=talks,
            talk_row=np.array(talk_row, np.int64),
            number=np.zeros(len(rows), np.int64),
        )
