"""The merge: several files of one event become one, in order of time, with one clock.

A connection that several interfaces saw is put on one of them, the one that saw most of it: then its copies are
retransmissions to the reader, and fill each other's gaps. Where the links differ in kind the copies are left out
instead. Interfaces that saw one direction each are left as they are: whoever reads the merged file joins them.
Packets keep what they are, and get new numbers; `origins` says which packet of which file each one was.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import BinaryIO

from harness.capture import block as blocks
from harness.capture.pcapng import read_blocks
from harness.capture.writer import PcapngWriter
from harness.decode.clock import Offset, Sightings, find_key, place
from harness.decode.decode import decode
from harness.decode.observation import describe_damage
from harness.decode.packet.frame import FrameDecoder, Segment
from harness.decode.tls.rsa import RsaKeys
from harness.trace.packet import PacketNumber
from harness.trace.trace import Damage, Trace

_Ends = tuple[bytes, bytes]
_Moved = dict[tuple[int, _Ends], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of the event."""

    name: str
    """As people call it."""
    stream: BinaryIO
    tap: str = ""
    """Name of an interface that has none of its own (`node1.lo` means node1's loopback); "": the file's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a packet came from."""

    file: str
    number: PacketNumber
    """In that file."""

    def __str__(self) -> str:
        """`dmz.pcap:12`."""
        return f"{self.file}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """All files as one."""

    trace: Trace
    origins: tuple[Origin, ...]
    """Of packet 1, 2, ... of the trace."""
    notes: tuple[str, ...]
    """What was done: clocks and connections seen twice, one sentence each."""

    def origin(self, number: PacketNumber) -> Origin:
        """Where a packet of the trace came from."""
        return self.origins[number - 1]


@dataclass(slots=True)
class _Tap:
    """One interface of one file."""

    file: int
    interface: blocks.Interface
    statistics: blocks.Statistics | None = None


@dataclass(frozen=True, slots=True)
class _Frame:
    """One packet, before it has its new number."""

    tap: int
    """Index of its interface over all files."""
    capture: blocks.Capture
    time_ns: int
    """As its own file has it."""
    file: int
    segment: Segment | None


class _Reading:
    """Everything that the files hold; grows file by file."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.places: list[str] = []
        """What an interface without a name is called, by file."""
        self.taps: list[_Tap] = []
        self.frames: list[_Frame] = []
        self.sightings: list[Sightings] = []
        self.hosts: list[blocks.Names] = []
        self.keys: list[bytes] = []
        self.comments: tuple[str, ...] = ()
        self.damage: list[Damage] = []

    def read(self, source: Source) -> None:
        """Take in one file."""
        first, file, before = len(self.taps), len(self.names), len(self.frames)
        decoder, sightings = FrameDecoder(), Sightings()
        comments: list[str] = []
        self.names.append(source.name)
        self.places.append(source.tap or source.name)
        self.sightings.append(sightings)
        for block in read_blocks(source.stream):
            match block:
                case blocks.Interface():
                    self.taps.append(_Tap(file, block))
                case blocks.Capture():
                    tap = first + block.interface
                    _, segment = decoder.decode(
                        self.taps[tap].interface.link_type,
                        block.data,
                        number=block.number,
                        time_ns=block.time_ns,
                        tap=str(tap),
                        size=block.size,
                    )
                    if segment is not None:
                        sightings.add(segment)
                    self.frames.append(_Frame(tap, block, block.time_ns, file, segment))
                case blocks.Section():
                    comments += block.comments
                case blocks.Names():
                    self.hosts.append(block)
                case blocks.Statistics():
                    self.taps[first + block.interface].statistics = block
                case blocks.Keys() if block.kind == blocks.TLS_KEY_LOG:
                    self.keys.append(block.data)
                case blocks.Damage():
                    told = describe_damage(block, packets_before=len(self.frames) - before)
                    self.damage.append(replace(told, message=f"{source.name}: {told.message}"))
                case _:
                    pass
        # What a run says about itself counts once: files cut from one run repeat it.
        self.comments = self.comments or tuple(comments)


def merge(
    sources: Sequence[Source], *, key_log: bytes = b"", rsa_keys: RsaKeys | None = None
) -> Merged:
    """Read several files of one event as one capture.

    All packets are held in memory. One file may be given as well: then only connections that several of its
    interfaces saw are put together, and its packets keep their order.

    Args:
        sources: the files; the clock of the first one counts.
        key_log: TLS secrets in NSS key log format, beside those in the files.
        rsa_keys: private keys that open RSA key exchanges (TLS 1.2 and before).
    """
    reading = _Reading()
    for source in sources:
        reading.read(source)
    offsets = place(reading.sightings)
    links = [tap.interface.link_type for tap in reading.taps]
    moved = _find_moved(reading.frames, links)
    frames = [f for f in reading.frames if f.segment is None or moved.get(_place(f), 0) is not None]
    if len(sources) > 1:
        frames = sorted(frames, key=lambda f: f.time_ns + offsets[f.file].offset_ns)
    stream = _write(reading, frames, offsets, moved)
    trace = replace(
        decode(stream, key_log=key_log, rsa_keys=rsa_keys),
        slack_ns=max(offset.slack_ns for offset in offsets),
    )
    return Merged(
        trace=replace(trace, damage=(*reading.damage, *trace.damage)),
        origins=tuple(
            Origin(file=reading.names[f.file], number=PacketNumber(f.capture.number))
            for f in frames
        ),
        notes=(
            *_tell_clocks(reading.names, offsets),
            *_tell_moved(reading, moved),
            *_tell_joined(reading, trace),
        ),
    )


def has_twins(trace: Trace) -> bool:
    """Whether several interfaces may have seen one connection: the same ends at the same time."""
    seen: dict[object, list[tuple[str, int, int]]] = defaultdict(list)
    for connection in trace.connections:
        pair = (connection.client, connection.server)
        place = f"{connection.tap} {connection.carried_in}"
        for other, opened_ns, closed_ns in seen[pair]:
            is_overlap = opened_ns <= connection.closed_ns and connection.opened_ns <= closed_ns
            if other != place and is_overlap:
                return True
        seen[pair].append((place, connection.opened_ns, connection.closed_ns))
    return False


def _ends(segment: Segment) -> _Ends:
    source, destination = segment.source, segment.destination
    return (source, destination) if source <= destination else (destination, source)


def _place(frame: _Frame) -> tuple[int, _Ends]:
    assert frame.segment is not None
    return frame.tap, _ends(frame.segment)


def _find_moved(frames: Sequence[_Frame], links: Sequence[int]) -> _Moved:
    """Where a connection was seen twice, which the same packets prove: to which interface one view of it goes.

    Args:
        frames: all packets.
        links: link types by interface.

    Returns:
        By interface and ends; None: left out.
    """
    counts: dict[_Ends, Counter[int]] = defaultdict(Counter)
    for frame in frames:
        if frame.segment is not None:
            counts[_ends(frame.segment)][frame.tap] += 1
    shared = {ends for ends, taps in counts.items() if len(taps) > 1}
    keys: dict[tuple[_Ends, int], set[object]] = defaultdict(set)
    for frame in frames:
        if frame.segment is not None and (ends := _ends(frame.segment)) in shared:
            keys[ends, frame.tap].add(find_key(frame.segment))
    moved: _Moved = {}
    for ends in shared:
        kept: list[int] = []
        for tap in sorted(counts[ends], key=lambda tap: (-counts[ends][tap], tap)):
            main = next((m for m in kept if keys[ends, m] & keys[ends, tap]), None)
            if main is None:
                # Another connection on the same ends, or the other direction of one of them.
                kept.append(tap)
            else:
                moved[tap, ends] = main if links[main] == links[tap] else None
    return moved


def _write(
    reading: _Reading,
    frames: Sequence[_Frame],
    offsets: Sequence[Offset],
    moved: _Moved,
) -> BytesIO:
    """One file with everything; times of its own are those of the first clock."""
    stream = BytesIO()
    writer = PcapngWriter(stream, comments=reading.comments)
    for tap, name in zip(reading.taps, _name_taps(reading), strict=True):
        writer.write_interface(
            name, link_type=tap.interface.link_type, snap_length=tap.interface.snap_length
        )
    for hosts in reading.hosts:
        writer.write_names(dict(hosts.names))
    for keys in reading.keys:
        writer.write_secrets(keys)
    for frame in frames:
        target = moved.get(_place(frame)) if frame.segment is not None else None
        writer.write_packet(
            frame.tap if target is None else target,
            max(0, frame.time_ns + offsets[frame.file].offset_ns),
            frame.capture.data,
            size=frame.capture.size,
        )
    for index, tap_read in enumerate(reading.taps):
        if (statistics := tap_read.statistics) is not None:
            writer.write_statistics(
                index,
                0,
                received=statistics.received,
                dropped=statistics.dropped,
                comments=statistics.comments,
            )
    stream.seek(0)
    return stream


def _name_taps(reading: _Reading) -> tuple[str, ...]:
    """Interfaces by their own names; by their file's where they have none or share it with another's."""
    own = [tap.interface.name for tap in reading.taps]
    times, alone = Counter(own), Counter(tap.file for tap in reading.taps)
    names: list[str] = []
    for tap in reading.taps:
        name, file = tap.interface.name, reading.places[tap.file]
        if not name:
            name = file if alone[tap.file] == 1 else f"{file}:{tap.interface.index}"
        elif times[name] > 1:
            name = f"{file}:{name}"
        names.append(name)
    return tuple(names)


def _tell_clocks(names: Sequence[str], offsets: Sequence[Offset]) -> Iterator[str]:
    for name, offset in list(zip(names, offsets, strict=True))[1:]:
        if not offset.why:
            yield (
                f"{name}: nothing tells its clock from that of {names[0]} (no packet and no handshake in common); "
                "no order between them is believed"
            )
            continue
        sign = "-" if offset.offset_ns < 0 else "+"
        yield (
            f"{name}: clock moved by {sign}{_seconds(abs(offset.offset_ns))} s "
            f"(sure to {_seconds(offset.slack_ns)} s; by {offset.why})"
        )


def _tell_moved(reading: _Reading, moved: _Moved) -> Iterator[str]:
    names = _name_taps(reading)
    counts = Counter((other, main) for (other, _), main in moved.items())
    for (other, main), count in sorted(counts.items(), key=lambda entry: entry[0][0]):
        many = "connection" if count == 1 else "connections"
        where = f"counted once, on {names[main]}" if main is not None else "left out there"
        yield f"{count} {many} seen on {names[other]} and elsewhere: {where}"


def _tell_joined(reading: _Reading, trace: Trace) -> Iterator[str]:
    for name in [tap.name for tap in trace.taps if tap.name not in _name_taps(reading)]:
        yield f"{name}: one tap, since each of these saw one direction of the same connections"


def _seconds(time_ns: int) -> str:
    return f"{time_ns // 1_000_000_000}.{time_ns % 1_000_000_000:09d}"
