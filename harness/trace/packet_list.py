"""PacketList: the packets of a capture as columns. A Packet is made when somebody asks for it.

Of a large capture of others only packets that a check can name are here (decode/packet_log.py); numbers are those of
the file.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

from harness.trace.packet import Flow, Packet, PacketNumber
from harness.trace.way_list import Way, WayList

NONE = 0xFFFF
"""In the columns of flags and ICMP types: there are none."""
NO_TYPE = -1
"""In the column of Ethernet types."""
_MAX_NOTES = 0xFFFF
_MAX_TIME_NS = (1 << 63) - 1
_MAX_SIZE = (1 << 32) - 1


class Columns:
    """What is known of each packet, one row a packet, in order of number."""

    def __init__(self) -> None:
        """Begin with no packets."""
        self.number = array("I")
        self.time_ns = array("q")
        self.way = array("I")
        """Index into `ways`."""
        self.size = array("I")
        self.ether_type = array("i")
        self.tcp_flags = array("H")
        self.payload_size = array("I")
        self.icmp_type = array("H")
        self.note = array("H")
        """Index into `notes`."""
        self.ways = WayList()
        self.count = array("I")
        """By way: packets of the file, also those that are not here."""
        self.notes: list[str | None] = [None]
        self.odd: dict[int, Packet] = {}
        """By number: packets that the columns cannot tell (what an ICMP error quotes, times and sizes beyond all)."""
        self._ways: dict[Way, int] = {}
        self._notes: dict[str | None, int] = {None: 0}

    def all(self) -> tuple[array[int], ...]:
        """Every column, as `extend` takes them."""
        return (
            self.number,
            self.time_ns,
            self.way,
            self.size,
            self.ether_type,
            self.tcp_flags,
            self.payload_size,
            self.icmp_type,
            self.note,
        )

    def add(self, packet: Packet) -> None:
        """Take in the next packet."""
        row = self.build_row(packet)
        for column, value in zip(self.all(), row, strict=True):
            column.append(value)

    def build_row(self, packet: Packet) -> tuple[int, ...]:
        """A packet as one row, by column; what has no column is kept at once."""
        way = self._ways.get((packet.tap, packet.flow))
        if way is None:
            way = self._ways[packet.tap, packet.flow] = self.add_way(packet.tap, packet.flow)
        self.count[way] += 1
        note = self._notes.get(packet.note)
        if note is None and len(self.notes) < _MAX_NOTES:
            note = self._notes[packet.note] = len(self.notes)
            self.notes.append(packet.note)
        time_ns = min(max(packet.time_ns, -_MAX_TIME_NS), _MAX_TIME_NS)
        size, payload_size = min(packet.size, _MAX_SIZE), min(packet.payload_size, _MAX_SIZE)
        fits = (time_ns, size, payload_size) == (packet.time_ns, packet.size, packet.payload_size)
        if packet.quoted is not None or note is None or not fits:
            self.odd[packet.number] = packet
        return (
            packet.number,
            time_ns,
            way,
            size,
            NO_TYPE if packet.ether_type is None else packet.ether_type,
            NONE if packet.tcp_flags is None else packet.tcp_flags,
            payload_size,
            NONE if packet.icmp_type is None else packet.icmp_type,
            note or 0,
        )

    def add_way(self, tap: str, flow: Flow | None) -> int:
        """List a way; gives its index."""
        self.count.append(0)
        return self.ways.add(tap, flow)

    def replace(self, packet: Packet) -> None:
        """Put what is known now of a packet in the place of what was known before, if it is here."""
        row = bisect_left(self.number, packet.number)
        if row < len(self.number) and self.number[row] == packet.number:
            self.odd.pop(packet.number, None)
            self.count[self.way[row]] -= 1
            for column, value in zip(self.all(), self.build_row(packet), strict=True):
                column[row] = value

    def drop_indexes(self) -> None:
        """Nothing will be added any more."""
        self._ways.clear()
        self._notes.clear()
        self.ways.drop_indexes()


class PacketList(Sequence[Packet]):
    """Packets in the order of their numbers."""

    def __init__(self, columns: Columns, *, file_count: int, last_ns: int) -> None:
        """Take what was gathered; nothing may be added to it any more."""
        self.columns = columns
        self.file_count = file_count
        """Packets of the file, also those that are not here."""
        self.last_ns = last_ns
        """Time of the last packet of the file; 0 where there is none."""

    @classmethod
    def of(cls, packets: Iterable[Packet]) -> PacketList:
        """The list of packets that are at hand; a list is given back as it is."""
        if isinstance(packets, PacketList):
            return packets
        columns = Columns()
        for packet in packets:
            columns.add(packet)
        columns.drop_indexes()
        last_ns = columns.time_ns[-1] if columns.time_ns else 0
        return cls(columns, file_count=len(columns.number), last_ns=last_ns)

    def __len__(self) -> int:
        """Packets that are here."""
        return len(self.columns.number)

    @overload
    def __getitem__(self, index: int) -> Packet: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Packet, ...]: ...

    def __getitem__(self, index: int | slice) -> Packet | tuple[Packet, ...]:
        """By place in the list, which is not the number."""
        if isinstance(index, slice):
            return tuple(self._build(row) for row in range(*index.indices(len(self))))
        row = index + len(self) if index < 0 else index
        if not 0 <= row < len(self):
            raise IndexError(index)
        return self._build(row)

    def __iter__(self) -> Iterator[Packet]:
        """One after another."""
        return map(self._build, range(len(self)))

    def __eq__(self, other: object) -> bool:
        """The same packets; a tuple may be compared as well."""
        if not isinstance(other, PacketList | tuple):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def find(self, number: int) -> Packet | None:
        """The packet with this 1-based number; None: it is not here."""
        row = self._find_row(number)
        return self._build(row) if row is not None else None

    def _find_row(self, number: int) -> int | None:
        numbers = self.columns.number
        row = number - 1
        if not (0 <= row < len(numbers) and numbers[row] == number):
            row = bisect_left(numbers, number)
        return row if row < len(numbers) and numbers[row] == number else None

    def find_flagged(self, numbers: Iterable[PacketNumber], flags: int) -> Iterator[PacketNumber]:
        """Those of these packets that have one of the TCP flags; those that are not here are passed over."""
        all_flags = self.columns.tcp_flags
        for number in numbers:
            row = self._find_row(number)
            if row is not None and all_flags[row] & flags and all_flags[row] != NONE:
                yield number

    def select(self, wants: Callable[[Flow | None], bool]) -> tuple[Packet, ...]:
        """Those whose flow is wanted; each way is asked once."""
        wanted = [wants(flow) for _, flow in self.columns.ways]
        return tuple(self._build(row) for row, way in enumerate(self.columns.way) if wanted[way])

    def with_notes(self) -> Iterator[Packet]:
        """Those that were not wholly understood, and some more."""
        columns = self.columns
        rows = (row for row, note in enumerate(columns.note) if note)
        yield from map(self._build, rows)
        # One that has no column for its note is here alone.
        yield from (
            p for p in columns.odd.values() if p.note is not None and p.note not in columns.notes
        )

    def _build(self, row: int) -> Packet:
        columns = self.columns
        number = PacketNumber(columns.number[row])
        odd = columns.odd.get(number)
        if odd is not None:
            return odd
        tap, flow = columns.ways[columns.way[row]]
        ether_type, flags, icmp_type = (
            columns.ether_type[row],
            columns.tcp_flags[row],
            columns.icmp_type[row],
        )
        return Packet(
            number=number,
            time_ns=columns.time_ns[row],
            tap=tap,
            size=columns.size[row],
            ether_type=None if ether_type == NO_TYPE else ether_type,
            flow=flow,
            tcp_flags=None if flags == NONE else flags,
            payload_size=columns.payload_size[row],
            icmp_type=None if icmp_type == NONE else icmp_type,
            note=columns.notes[columns.note[row]],
        )
