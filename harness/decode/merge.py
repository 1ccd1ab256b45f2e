"""The merge: several files of one event become one, in order of time, with one clock.

A connection that several interfaces saw is put on one of them, the one that saw most of it: then its copies are
retransmissions to the reader, and fill each other's gaps. Where the links differ in kind the copies are left out
instead. Interfaces that saw one direction each are left as they are: whoever reads the merged file joins them.
Packets keep what they are, and get new numbers; `origins` says which packet of which file each one was.

Every file is read twice: once for what tells its packets from others (event/survey), once to put them in order
(event/timeline). What grows with the files goes to files that the caller makes; little is held in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from io import BytesIO
from typing import IO, BinaryIO, cast, overload

import numpy as np

from harness.capture.writer import PcapngWriter
from harness.decode.decode import Choose, decode_parts
from harness.decode.event.clock import Clocks, Offset
from harness.decode.event.sighting import SightingSpool
from harness.decode.event.survey import Survey, Tap, survey_file
from harness.decode.event.timeline import ORIGIN, FileQueue, write_in_order
from harness.decode.event.twin import LEFT_OUT, Twins
from harness.decode.observation import describe_damage
from harness.decode.spool import OpenFile
from harness.decode.tls.rsa import RsaKeys
from harness.trace.packet import PacketNumber
from harness.trace.trace import Damage, Trace

WINDOW = 8 << 20
"""Bytes of a file that are looked at together; of each file so many wait for the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of the event."""

    name: str
    """As people call it."""
    stream: BinaryIO
    """Can seek; read from its present position."""
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


class Origins(Sequence[Origin]):
    """Of packet 1, 2, ... of the merged capture; they stand in a file."""

    def __init__(self, names: Sequence[str], records: IO[bytes]) -> None:
        """Take the names of the files, and the records (ORIGIN)."""
        self._names = names
        self._records = records
        self._count = records.seek(0, 2) // ORIGIN.itemsize

    def __len__(self) -> int:
        """Packets."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> Origin: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Origin, ...]: ...

    def __getitem__(self, index: int | slice) -> Origin | tuple[Origin, ...]:
        """By place, which is the number less one."""
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(self._count)))
        at = index + self._count if index < 0 else index
        if not 0 <= at < self._count:
            raise IndexError(index)
        self._records.seek(at * ORIGIN.itemsize)
        (record,) = np.frombuffer(self._records.read(ORIGIN.itemsize), ORIGIN).tolist()
        file, number = record
        return Origin(file=self._names[file], number=PacketNumber(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """All files as one."""

    stream: IO[bytes]
    """The capture, pcapng, at its begin."""
    origins: Origins
    damage: tuple[Damage, ...]
    """Of the files."""
    taps: tuple[str, ...]
    """Names of its interfaces."""
    slack_ns: int
    """By how much times of different files may be wrong against each other."""
    notes: tuple[str, ...]
    """What was done: clocks and connections seen twice, one sentence each."""

    def origin(self, number: PacketNumber) -> Origin:
        """Where a packet of the capture came from."""
        return self.origins[number - 1]

    def decode(
        self,
        *,
        key_log: bytes = b"",
        rsa_keys: RsaKeys | None = None,
        choose: Choose | None = None,
        stream_hashes: bool = True,
        open_file: OpenFile | None = None,
    ) -> Iterator[Trace]:
        """What it shows, in one part or in several; arguments as of `decode_parts`."""
        self.stream.seek(0)
        with closing(
            decode_parts(
                cast(BinaryIO, self.stream),
                key_log=key_log,
                rsa_keys=rsa_keys,
                choose=choose,
                stream_hashes=stream_hashes,
                open_file=open_file,
            )
        ) as parts:
            for trace in parts:
                damage = (*self.damage, *trace.damage)
                yield replace(trace, slack_ns=self.slack_ns, damage=damage)

    def tell_joined(self, trace: Trace) -> tuple[str, ...]:
        """Which interfaces the reader of the capture took for one, one sentence each."""
        return tuple(
            f"{tap.name}: one tap, since each of these saw one direction of the same connections"
            for tap in trace.taps
            if tap.name not in self.taps
        )


def merge(
    sources: Sequence[Source], *, open_file: OpenFile = BytesIO, window: int = WINDOW
) -> Merged:
    """Read several files of one event as one capture.

    One file may be given as well: then only connections that several of its interfaces saw are put together, and its
    packets keep their order.

    Args:
        sources: the files; the clock of the first one counts.
        open_file: opens what holds the merged capture and what else grows with the files, which the caller closes: in
            all as many bytes as the files have (not compressed), and 60 for each packet.
        window: bytes of a file that are looked at together.

    Raises:
        OSError: a file cannot be read, or there is no room for those that are made.
    """
    spool = SightingSpool(open_file())
    surveys: list[Survey] = []
    taps: list[Tap] = []
    for index, source in enumerate(sources):
        survey = survey_file(
            source.stream, file=index, first_tap=len(taps), window=window, spool=spool
        )
        surveys.append(survey)
        taps += survey.taps
    offsets = Clocks(spool.read(), [tap.file for tap in taps]).place(len(sources))
    twins = Twins(spool.read(), [tap.interface.link_type for tap in taps])
    names = _name_taps(taps, [source.tap or source.name for source in sources])
    stream, origins = open_file(), open_file()
    writer = _begin(stream, surveys, taps, names)
    files = [
        FileQueue(
            index,
            source.stream,
            surveys[index],
            offset_ns=offsets[index].offset_ns,
            window=window,
            twins=twins,
            take_keys=writer.write_secrets,
        )
        for index, source in enumerate(sources)
    ]
    write_in_order(files, writer, origins, open_file())
    _end(writer, taps)
    stream.seek(0)
    file_names = [source.name for source in sources]
    return Merged(
        stream=stream,
        origins=Origins(file_names, origins),
        damage=tuple(_tell_damage(file_names, surveys)),
        taps=names,
        slack_ns=max(offset.slack_ns for offset in offsets),
        notes=(*_tell_clocks(file_names, offsets), *_tell_twins(names, twins)),
    )


def _begin(
    stream: IO[bytes], surveys: Sequence[Survey], taps: Sequence[Tap], names: Sequence[str]
) -> PcapngWriter:
    """What stands before the packets."""
    # What a run says about itself counts once: files cut from one run repeat it.
    comments = next((survey.comments for survey in surveys if survey.comments), ())
    writer = PcapngWriter(stream, comments=comments)
    for tap, name in zip(taps, names, strict=True):
        writer.write_interface(
            name, link_type=tap.interface.link_type, snap_length=tap.interface.snap_length
        )
    for survey in surveys:
        for hosts in survey.hosts:
            writer.write_names(dict(hosts.names))
    return writer


def _end(writer: PcapngWriter, taps: Sequence[Tap]) -> None:
    """What stands behind them."""
    for index, tap in enumerate(taps):
        if (statistics := tap.statistics) is not None:
            writer.write_statistics(
                index,
                0,
                received=statistics.received,
                dropped=statistics.dropped,
                comments=statistics.comments,
            )


def _name_taps(taps: Sequence[Tap], places: Sequence[str]) -> tuple[str, ...]:
    """Interfaces by their own names; by their file's where they have none or share it with another's."""
    own = [tap.interface.name for tap in taps]
    times, alone = Counter(own), Counter(tap.file for tap in taps)
    names: list[str] = []
    for tap in taps:
        name, file = tap.interface.name, places[tap.file]
        if not name:
            name = file if alone[tap.file] == 1 else f"{file}:{tap.interface.index}"
        elif times[name] > 1:
            name = f"{file}:{name}"
        names.append(name)
    return tuple(names)


def _tell_damage(names: Sequence[str], surveys: Sequence[Survey]) -> Iterator[Damage]:
    for name, survey in zip(names, surveys, strict=True):
        for block, packets_before in survey.damage:
            told = describe_damage(block, packets_before=packets_before)
            yield replace(told, message=f"{name}: {told.message}")


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


def _tell_twins(names: Sequence[str], twins: Twins) -> Iterator[str]:
    for tap, target, count in twins.counts:
        many = "connection" if count == 1 else "connections"
        where = f"counted once, on {names[target]}" if target != LEFT_OUT else "left out there"
        yield f"{count} {many} seen on {names[tap]} and elsewhere: {where}"


def _seconds(time_ns: int) -> str:
    return f"{time_ns // 1_000_000_000}.{time_ns % 1_000_000_000:09d}"
