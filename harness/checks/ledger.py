"""The ledger: what proves that a capture holds every packet of every tap, and what does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.checks.legs import LOOPBACK_SUFFIX
from harness.checks.run_note import RunNote
from harness.site.site import Site
from harness.trace.connection import ByteStream, Connection
from harness.trace.packet import PacketNumber
from harness.trace.packet_list import PacketList
from harness.trace.trace import Tap, Trace

SEGMENTS = ("outside", "dmz", "inside")
"""Every recorded run has these taps, and one `NODE.lo` for each node."""

IN_PARTS = "it is judged in parts, since it is so large, and what lies far apart is not compared"
FOREIGN = "another program recorded it, and nothing proves that it saw every packet"

_NEVER = 1 << 62

SHOWN = 10
"""Packets named at most in one reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The account of one capture."""

    problems: tuple[str, ...]
    """Why it is not proven complete, one sentence each; () when it is."""
    taps: tuple[Tap, ...]
    packet_count: int
    connection_count: int
    gap_count: int
    damage_count: int

    @property
    def is_complete(self) -> bool:
        """Every packet is accounted for."""
        return not self.problems

    def to_json(self) -> dict[str, object]:
        """As plain JSON values, without times and paths."""
        return {
            "complete": self.is_complete,
            "connections": self.connection_count,
            "damage": self.damage_count,
            "gaps": self.gap_count,
            "packets": self.packet_count,
            "problems": list(self.problems),
            "taps": [
                {
                    "dropped": tap.dropped,
                    "freezes": tap.freezes,
                    "name": tap.name,
                    "packets": tap.packet_count,
                    "received": tap.received,
                    "started": tap.started,
                    "stopped": tap.stopped,
                }
                for tap in self.taps
            ],
        }


def read_ledger(trace: Trace, *, site: Site | None, note: RunNote | None) -> Ledger:
    """Account for every tap and connection of a trace; of a part of one, for the connections that are its own."""
    problems: list[str] = []
    packets = PacketList.of(trace.packets)
    if not packets.file_count:
        problems.append("the capture holds no packets")
    if note is not None and not note.complete:
        problems.append("the run was interrupted: the file says that it is not complete")
    problems += (f"the file is damaged at byte {d.offset}: {d.message}" for d in trace.damage)
    problems += _unread(packets)
    if _is_foreign(trace, note):
        problems.append(FOREIGN)
        problems += (problem for tap in trace.taps for problem in _foreign_problems(tap))
    else:
        problems += _missing_taps(trace, site)
        problems += (problem for tap in trace.taps for problem in _tap_problems(tap))
        problems += _strays(trace, packets)
    problems += (IN_PARTS,) if trace.is_part else ()
    own = [connection for connection in trace.connections if trace.owns(connection)]
    problems += (problem for connection in own for problem in _connection_problems(connection))
    return Ledger(
        problems=tuple(problems),
        taps=trace.taps,
        packet_count=packets.file_count,
        connection_count=len(own) + trace.left_out,
        gap_count=sum(len(c.client_stream.gaps) + len(c.server_stream.gaps) for c in own),
        damage_count=len(trace.damage),
    )


def add_up(ledgers: Iterable[Ledger]) -> Ledger:
    """The account of a capture from those of its parts, at least one."""
    listed = tuple(ledgers)
    return replace(
        listed[0],
        problems=tuple(dict.fromkeys(problem for ledger in listed for problem in ledger.problems)),
        connection_count=sum(ledger.connection_count for ledger in listed),
        gap_count=sum(ledger.gap_count for ledger in listed),
    )


def tell_packets(numbers: Iterable[PacketNumber]) -> str:
    """`packet 4`, `packets 4, 5 and 12 more`."""
    listed = sorted(numbers)
    shown = ", ".join(str(number) for number in listed[:SHOWN])
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"packet{'s' if len(listed) != 1 else ''} {shown}{more}"


def _unread(packets: PacketList) -> list[str]:
    """Frames that are in the file but not wholly understood: cut ones, fragments, odd headers."""
    found: dict[str, list[PacketNumber]] = defaultdict(list)
    for packet in packets.with_notes():
        if packet.note is not None:
            found[packet.note].append(packet.number)
    return [
        f"{tell_packets(numbers)} could not be followed: {note}"
        for note, numbers in sorted(found.items())
    ]


def _missing_taps(trace: Trace, site: Site | None) -> list[str]:
    wanted = (
        (*SEGMENTS, *(f"{node}{LOOPBACK_SUFFIX}" for node in site.nodes))
        if site is not None
        else SEGMENTS
    )
    present = {tap.name for tap in trace.taps}
    return [f"tap {name} is not in the file" for name in wanted if name not in present]


def _is_foreign(trace: Trace, note: RunNote | None) -> bool:
    """Whether nothing in the file is the harness's: no note, no sentinel."""
    return note is None and not any(tap.started or tap.stopped for tap in trace.taps)


def _foreign_problems(tap: Tap) -> list[str]:
    """What another program's counters admit; that they admit nothing proves nothing."""
    if not tap.dropped:
        return []
    return [f"tap {tap.name}: the recording program dropped {tap.dropped} packets"]


def _tap_problems(tap: Tap) -> list[str]:
    problems: list[str] = []
    for what, number in (("start", tap.started), ("stop", tap.stopped)):
        if number is None:
            problems.append(f"tap {tap.name}: its {what} sentinel is not in the file")
    if tap.received is None or tap.dropped is None or tap.freezes is None:
        problems.append(f"tap {tap.name}: the file holds no kernel counters of it")
        return problems
    if tap.dropped:
        problems.append(f"tap {tap.name}: the kernel dropped {tap.dropped} packets")
    if tap.freezes:
        problems.append(f"tap {tap.name}: its ring was full and frozen {tap.freezes} times")
    if tap.received != tap.packet_count + tap.dropped:
        problems.append(
            f"tap {tap.name}: the kernel saw {tap.received} packets, the file holds {tap.packet_count}"
        )
    return problems


def _strays(trace: Trace, packets: PacketList) -> list[str]:
    """IP packets outside the sentinels of their tap: more of them may have been missed."""
    bounds = {tap.name: (tap.started or 0, tap.stopped or _NEVER) for tap in trace.taps}
    outside: dict[str, list[PacketNumber]] = defaultdict(list)
    columns = packets.columns
    # By way, since a packet is asked for its tap and its flow alone.
    limits = [
        bounds.get(tap, (0, _NEVER)) if flow is not None else (0, _NEVER)
        for tap, flow in columns.ways
    ]
    for number, way in zip(columns.number, columns.way, strict=True):
        started, stopped = limits[way]
        if not started < number < stopped:
            outside[columns.ways[way][0]].append(PacketNumber(number))
    return [
        f"tap {name}: {tell_packets(numbers)} outside its sentinels"
        for name, numbers in sorted(outside.items())
    ]


def _connection_problems(connection: Connection) -> list[str]:
    if connection.from_start and not (
        connection.client_stream.gaps or connection.server_stream.gaps
    ):
        return []
    told = f"{connection.client} to {connection.server}"
    problems: list[str] = []
    if not connection.from_start:
        problems.append(
            f"the start of {told} is not in the file ({tell_packets(connection.packets[:1])})"
        )
    problems += _gap_problems(
        connection.client_stream, f"{told}, from {connection.client}", connection
    )
    problems += _gap_problems(
        connection.server_stream, f"{told}, from {connection.server}", connection
    )
    return problems


def _gap_problems(stream: ByteStream, told: str, connection: Connection) -> list[str]:
    if not stream.gaps:
        return []
    size = sum(gap.size for gap in stream.gaps)
    near = tell_packets((connection.packets[0], connection.packets[-1]))
    return [f"{size} bytes of {told} were sent and not seen (between {near})"]
