"""Survey: what a first reading of one file tells, before any of its packets is put in its place."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import BinaryIO

from harness.capture import block as blocks
from harness.decode.event.sighting import SightingSpool
from harness.decode.packet.batch import read_batches
from harness.decode.packet.table import PacketTable
from harness.decode.tcp.mark import MarkReader

WHOLE = 128 << 20
"""Bytes of packets at the begin of a file of which every TCP packet counts, however dense."""


@dataclass(slots=True)
class Tap:
    """One interface of one file."""

    file: int
    interface: blocks.Interface
    statistics: blocks.Statistics | None = None


@dataclass(slots=True)
class Survey:
    """One file; grows while it is read."""

    first_tap: int
    """What to add to its interfaces so that they count over all files."""
    taps: list[Tap] = field(default_factory=list)
    hosts: list[blocks.Names] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    damage: list[tuple[blocks.Damage, int]] = field(default_factory=list)
    """And how many packets stand before."""
    floors: array[int] = field(default_factory=lambda: array("q"))
    """For each table: the least time in it and in all tables behind it."""
    packet_count: int = 0

    @property
    def links(self) -> dict[int, int]:
        """Link types by interface of the file."""
        return {tap.interface.index: tap.interface.link_type for tap in self.taps}


def survey_file(
    stream: BinaryIO, *, file: int, first_tap: int, window: int, spool: SightingSpool
) -> Survey:
    """Read one file.

    Args:
        stream: the file; read from its present position, and left there.
        file: its index.
        first_tap: how many interfaces the files before it have.
        window: bytes looked at together; the order of its packets is found with the same.
        spool: takes what was seen.
    """
    start = stream.tell()
    survey, marks = Survey(first_tap), MarkReader()
    size = 0
    for item in read_batches(stream, window=window):
        match item:
            case PacketTable():
                size += int(item.kept.sum())
                spool.add(
                    item,
                    marks.find(item, survey.links),
                    first_tap=first_tap,
                    is_whole=size <= WHOLE,
                )
                survey.floors.append(int(item.time_ns.min()))
                survey.packet_count = item.first_number + len(item) - 1
            case blocks.Interface():
                survey.taps.append(Tap(file, item))
            case blocks.Section():
                survey.comments += item.comments
            case blocks.Names():
                survey.hosts.append(item)
            case blocks.Statistics():
                survey.taps[item.interface].statistics = item
            case blocks.Damage():
                survey.damage.append((item, survey.packet_count))
            case _:
                pass
    for index in range(len(survey.floors) - 2, -1, -1):
        survey.floors[index] = min(survey.floors[index], survey.floors[index + 1])
    stream.seek(start)
    return survey
