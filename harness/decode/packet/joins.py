"""Joins: places of a capture that are one tap, since each saw one direction of the same connections.

Optical taps, mirror ports and ERSPAN sessions often have an interface for each direction, and some overlays a network
number for each. The first packets of the file tell (docs/adr/0019): two places are one where a connection has one
direction here and the other there, with numbers that fit, and where nothing was seen at both. So copies of the same
packets stay apart, and so do the two sides of a machine that ends TCP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import BinaryIO

from harness.capture import block as blocks
from harness.capture.pcapng import read_blocks
from harness.decode.packet.frame import ACK, FIN, RST, SYN, FrameDecoder, Segment
from harness.decode.packet.tap_names import TapNames

_LOOK = 20_000
"""Packets from the begin of the file that tell."""
_BETWEEN = " + "

Place = tuple[str, str | None]
"""A tap, and the tunnels inside it."""
_Ends = tuple[bytes, bytes]


@dataclass(slots=True)
class _Half:
    """What one place saw of one direction of a connection: sequence numbers."""

    ends: set[int] = field(default_factory=set)
    """Behind the last byte of a packet."""
    acks: set[int] = field(default_factory=set)

    def fits(self, other: _Half) -> bool:
        """Whether one acknowledges just what the other sent; by chance once in millions."""
        return not (self.ends.isdisjoint(other.acks) and other.ends.isdisjoint(self.acks))


@dataclass(slots=True)
class _Group:
    """Places that are one."""

    places: list[Place]
    shown: set[tuple[_Ends, bool]]
    """Connections, and which of their directions: whether the lower end sends."""


class Joins:
    """What places are called. The file is looked into as soon as it has two interfaces, or a tunnel."""

    def __init__(self, stream: BinaryIO, start: int) -> None:
        """Take a file that begins at `start`; one that cannot be read twice joins nothing."""
        self._stream = stream
        self._start = start
        self._interface_count = 0
        self._found: dict[Place, Place] | None = None

    def note_interface(self) -> None:
        """The file has one more."""
        self._interface_count += 1

    def name(self, tap: str) -> str:
        """What a tap is called: by all those that are one with it."""
        return self._look_up((tap, None))[0] if self._interface_count > 1 else tap

    def move(self, tap: str, segment: Segment) -> tuple[str, Segment]:
        """The same for a segment on a tap, and for the tunnels that carried it."""
        if segment.carried_in is None:
            return self.name(tap), segment
        name, carried_in = self._look_up((tap, segment.carried_in))
        if carried_in != segment.carried_in:
            segment = replace(segment, carried_in=carried_in)
        return name if name != tap else self.name(tap), segment

    def _look_up(self, place: Place) -> Place:
        if self._found is None:
            self._found = self._look()
        return self._found.get(place, place)

    def _look(self) -> dict[Place, Place]:
        stream = self._stream
        if not stream.seekable():
            return {}
        # Somebody reads the file meanwhile, and goes on from here.
        place = stream.tell()
        stream.seek(self._start)
        found = find_joined(read_blocks(stream))
        stream.seek(place)
        return found


def find_joined(file: Iterable[blocks.Block], *, look: int = _LOOK) -> dict[Place, Place]:
    """What the places are called that are one with others, from the first packets of a file."""
    seen: dict[_Ends, dict[Place, dict[bool, _Half]]] = {}
    groups: dict[Place, _Group] = {}
    taps: list[str] = []
    for tap, segment in _read(file, look, taps):
        place = (tap, segment.carried_in)
        is_rising = segment.source <= segment.destination
        ends = (segment.source, segment.destination)
        if not is_rising:
            ends = (segment.destination, segment.source)
        halves = seen.setdefault(ends, {}).setdefault(place, {})
        groups.setdefault(place, _Group([place], set())).shown.add((ends, is_rising))
        half = halves.setdefault(is_rising, _Half())
        size = segment.size + bool(segment.flags & SYN) + bool(segment.flags & FIN)
        if not segment.flags & RST:
            half.ends.add((segment.seq + size) & 0xFFFFFFFF)
        if segment.flags & ACK:
            half.acks.add(segment.ack)
    order = {place: (taps.index(place[0]), number) for number, place in enumerate(groups)}
    for views in seen.values():
        for one, other in combinations(sorted(views, key=order.__getitem__), 2):
            is_alike = (one[1] is None) == (other[1] is None)
            if is_alike and _are_halves(views[one], views[other]):
                _join(groups, one, other)
    return {
        place: _name(sorted(group.places, key=order.__getitem__))
        for place, group in groups.items()
        if len(group.places) > 1
    }


def _read(
    file: Iterable[blocks.Block], look: int, taps: list[str]
) -> Iterator[tuple[str, Segment]]:
    """The segments of the first packets, with their taps; the taps are listed."""
    frames, names = FrameDecoder(), TapNames()
    known: dict[int, tuple[str, int]] = {}
    for block in file:
        if isinstance(block, blocks.Interface):
            known[block.index] = (names.find(block), block.link_type)
            taps.append(known[block.index][0])
        elif isinstance(block, blocks.Capture):
            if block.number > look:
                return
            tap, link_type = known[block.interface]
            _, segment = frames.decode(
                link_type,
                block.data,
                number=block.number,
                time_ns=block.time_ns,
                tap=tap,
                size=block.size,
            )
            if segment is not None:
                yield tap, segment


def _are_halves(one: dict[bool, _Half], other: dict[bool, _Half]) -> bool:
    """Whether there is one direction in each, and both are of one connection."""
    if len(one) != 1 or len(other) != 1 or one.keys() == other.keys():
        return False
    (mine,), (theirs,) = one.values(), other.values()
    return mine.fits(theirs)


def _join(groups: dict[Place, _Group], one: Place, other: Place) -> None:
    """Make one group of two, unless something was seen in both."""
    mine, theirs = groups[one], groups[other]
    if mine is theirs or not mine.shown.isdisjoint(theirs.shown):
        return
    mine.places.extend(theirs.places)
    mine.shown.update(theirs.shown)
    for place in theirs.places:
        groups[place] = mine


def _name(group: list[Place]) -> Place:
    """The names of all of them, each once."""
    taps = dict.fromkeys(tap for tap, _ in group)
    tunnels = dict.fromkeys(carried_in for _, carried_in in group if carried_in is not None)
    return _BETWEEN.join(taps), _BETWEEN.join(tunnels) or None
