"""PacketLog: all that a capture holds besides the bytes of its connections; one pass, packet by packet or by tables.

Of a large capture of others only what a check can name is kept (`only` is given). Of TCP at the site's addresses: each
first packet of a direction, also after every further SYN; what opens and what closes; and all packets of connections
whose SYN was not seen. Beside TCP: all that is sent to or from the site, is IPv6, or was not understood.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.capture import block as blocks
from harness.capture.annotation import decode_annotations
from harness.capture.ledger import ETHER_TYPE as SENTINEL
from harness.capture.ledger import find_freezes, parse_sentinel
from harness.decode.observation import describe_damage, reason_not_followed
from harness.decode.packet.frame import FrameDecoder, Segment
from harness.decode.packet.joins import Joins
from harness.decode.packet.only import ALL, Only
from harness.decode.packet.tap_names import TapNames
from harness.net.address import Address
from harness.trace.connection import Connection
from harness.trace.packet import Flow, Packet, PacketNumber
from harness.trace.packet_list import Columns, PacketList
from harness.trace.trace import Damage, Tap, Trace

if TYPE_CHECKING:
    # Not below: loading numpy takes longer than decoding a small file.
    from harness.decode.packet.table import PacketTable
    from harness.decode.tcp.packet_rows import PacketRows


@dataclass(slots=True)
class _TapDraft:
    """One interface while the file is read."""

    name: str
    link_type: int
    packet_count: int = 0
    statistics: blocks.Statistics | None = None
    started: PacketNumber | None = None
    stopped: PacketNumber | None = None
    is_joined: bool = False
    """It goes over several sections, and nothing proves that nothing is missing between them."""


class PacketLog:
    """Puts a trace together, block by block; the connections come from elsewhere."""

    def __init__(
        self,
        only: Only | None = None,
        joins: Joins | None = None,
        *,
        numbers: frozenset[PacketNumber] | None = None,
    ) -> None:
        """Keep every packet, or those at the addresses and endpoints of `only`, or just those of these numbers.

        Taps are called as `joins` says.
        """
        self.packet_count = 0
        self.has_sentinel = False
        """One of our own recorder's marks was seen."""
        self._only = only
        self._numbers = numbers
        self._joins = joins or Joins(BytesIO(), 0)
        self._frames = FrameDecoder()
        self._columns = Columns()
        self._pending: dict[int, Packet] = {}
        """By number: packets of the present table that are not in the columns yet."""
        self._rows: PacketRows | None = None
        self._last_ns = 0
        self._tap_names = TapNames()
        self._taps: dict[int, _TapDraft] = {}
        self._names: dict[Address, list[str]] = {}
        self._comments: list[str] = []
        self._damage: list[Damage] = []
        self._skipped: Counter[str] = Counter()

    def handle(self, block: blocks.Block) -> tuple[str, Segment] | None:
        """Take in the next block; gives its tap and segment where it is TCP that can be followed."""
        match block:
            case blocks.Capture():
                return self._handle_capture(block)
            case blocks.Uncaptured():
                note = f"block type {block.kind} without a frame"
                number = PacketNumber(block.number)
                self.packet_count, self._last_ns = block.number, 0
                bare = Packet(number=number, time_ns=0, tap="", size=0, ether_type=None, note=note)
                if self._is_wanted(bare):
                    self._columns.add(bare)
                self._skipped[note] += 1
            case blocks.Interface():
                self._add_tap(block)
            case blocks.Section():
                self._comments.extend(block.comments)
            case blocks.Names():
                for address, names in block.names:
                    known = self._names.setdefault(address, [])
                    known.extend(name for name in names if name not in known)
            case blocks.Statistics():
                self._taps[block.interface].statistics = block
            case blocks.Damage():
                self._damage.append(describe_damage(block, packets_before=self.packet_count))
            case blocks.Keys():
                pass
        return None

    def feed(self, table: PacketTable) -> None:
        """Take in a table of packets; its window may change afterwards."""
        from harness.decode.tcp.packet_rows import PacketRows
        from harness.decode.tcp.segment_table import count_interfaces, find_segments

        if self._rows is None:
            self._rows = PacketRows(
                self._columns, is_whole=self._only is None, numbers=self._numbers
            )
        for index, count in count_interfaces(table):
            self._taps[index].packet_count += count
        taps = {i: (self._joins.name(tap.name), tap.link_type) for i, tap in self._taps.items()}
        links = {index: tap.link_type for index, tap in self._taps.items()}
        segments, others = find_segments(table, links, self._only or ALL)
        columns = (table.offset, table.kept, table.size, table.time_ns, table.interface)
        picked = [column[others].tolist() for column in columns]
        for row, offset, kept, size, time_ns, interface in zip(
            others.tolist(), *picked, strict=True
        ):
            self._decode(
                interface,
                bytes(table.data[offset : offset + kept]),
                table.first_number + row,
                time_ns,
                size,
            )
        rows = [self._columns.build_row(packet) for packet in self._pending.values()]
        self._pending.clear()
        self._rows.add(table, segments, rows, taps)
        self.packet_count = table.first_number + len(table) - 1
        self._last_ns = int(table.time_ns[-1])

    def finish(self, connections: tuple[Connection, ...]) -> Trace:
        """The trace; nothing may be handled after it."""
        annotations = decode_annotations(self._comments)
        problems = (Damage(offset=0, message=problem) for problem in annotations.problems)
        self._columns.drop_indexes()
        self._rows = None
        return Trace(
            packets=self.packets,
            connections=connections,
            taps=self._build_taps(),
            host_names=MappingProxyType(
                {address: tuple(names) for address, names in self._names.items()}
            ),
            annotations=annotations.texts,
            damage=(*self._damage, *problems),
            skipped=MappingProxyType(dict(+self._skipped)),
        )

    @property
    def packets(self) -> PacketList:
        """Those so far."""
        return PacketList(self._columns, file_count=self.packet_count, last_ns=self._last_ns)

    def _build_taps(self) -> tuple[Tap, ...]:
        drafts: dict[str, list[_TapDraft]] = {}
        for draft in {tap.name: tap for tap in self._taps.values()}.values():
            drafts.setdefault(self._joins.name(draft.name), []).append(draft)
        return tuple(
            _build_tap(group[0]) if len(group) == 1 else _join_taps(name, group)
            for name, group in drafts.items()
        )

    def _add_tap(self, interface: blocks.Interface) -> None:
        """A new tap, or one of an earlier section once more."""
        self._joins.note_interface()
        name = self._tap_names.find(interface)
        for tap in self._taps.values():
            if tap.name == name:
                tap.is_joined = True
                self._taps[interface.index] = tap
                return
        self._taps[interface.index] = _TapDraft(name, interface.link_type)

    def _handle_capture(self, block: blocks.Capture) -> tuple[str, Segment] | None:
        tap = self._taps[block.interface]
        tap.packet_count += 1
        self.packet_count, self._last_ns = block.number, block.time_ns
        segment = self._decode(block.interface, block.data, block.number, block.time_ns, block.size)
        for packet in self._pending.values():
            self._columns.add(packet)
        self._pending.clear()
        return (tap.name, segment) if segment is not None else None

    def _decode(
        self, interface: int, data: bytes, number: int, time_ns: int, size: int
    ) -> Segment | None:
        """One packet; it is pending then, unless nobody asks for it."""
        tap = self._taps[interface]
        packet, segment = self._frames.decode(
            tap.link_type,
            data,
            number=number,
            time_ns=time_ns,
            tap=self._joins.name(tap.name),
            size=size,
        )
        if self._is_wanted(packet):
            self._pending[number] = packet
        if segment is not None:
            for earlier in segment.earlier:
                # Its fragments were noted when they came; now they are known to be part of this segment.
                self._skipped["fragment"] -= 1
                self._complete(earlier, packet.flow)
        elif packet.ether_type == SENTINEL and self._is_sentinel(tap, packet, data):
            self.has_sentinel = True
        else:
            self._skipped[reason_not_followed(packet)] += 1
        return segment

    def _is_wanted(self, packet: Packet) -> bool:
        only, flow = self._only, packet.flow
        if self._numbers is not None:
            return packet.number in self._numbers
        if only is None or packet.note is not None:
            return True
        return flow is not None and (flow.src.version != 4 or only.accepts_flow(flow))

    def _complete(self, number: PacketNumber, flow: Flow | None) -> None:
        """Give a fragment the ports that another one had."""
        packet = self._pending.get(number)
        if packet is not None:
            self._pending[number] = replace(packet, flow=flow, note=None)
        elif (known := self.packets.find(number)) is not None:
            self._columns.replace(replace(known, flow=flow, note=None))

    def _is_sentinel(self, tap: _TapDraft, packet: Packet, data: bytes) -> bool:
        found = parse_sentinel(data)
        if found is None:
            return False
        kind, name = found
        if name == tap.name:
            if kind == "start" and tap.started is None:
                tap.started = packet.number
            elif kind == "stop":
                tap.stopped = packet.number
        return True


def _join_taps(name: str, drafts: list[_TapDraft]) -> Tap:
    """Several that are one; nothing proves that nothing is missing in it, and what is said to be missing counts."""
    dropped = [d.statistics.dropped for d in drafts if d.statistics and d.statistics.dropped]
    return Tap(
        name=name,
        link_type=drafts[0].link_type,
        packet_count=sum(draft.packet_count for draft in drafts),
        dropped=sum(dropped) if dropped else None,
    )


def _build_tap(draft: _TapDraft) -> Tap:
    statistics = draft.statistics if not draft.is_joined else None
    return Tap(
        name=draft.name,
        link_type=draft.link_type,
        packet_count=draft.packet_count,
        received=statistics.received if statistics else None,
        dropped=statistics.dropped if statistics else None,
        freezes=find_freezes(statistics.comments) if statistics else None,
        started=draft.started if not draft.is_joined else None,
        stopped=draft.stopped,
    )
