"""The clock of a capture file against another's: how far apart they are, and how surely that is known.

Packets that both files hold tell it best: what travels one way is late in one file, what travels the other way in the
other, so the middle of both is the offset (as in RFC 5905 section 8). Files without common packets may still hold both
sides of a machine that passes TLS on: a ClientHello cannot leave it before it came in, nor a ServerHello. Files that
hold a direction of the same connections each bound one another too: nothing is acknowledged before it was sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median_low

import numpy as np

from harness.decode.event.sighting import CLIENT_HELLO, PACKET, SERVER_HELLO, Sightings
from harness.decode.packet.table import Ints
from harness.decode.tcp.mark import Hashes

UNKNOWN_SLACK_NS = 24 * 3600 * 1_000_000_000
"""Where nothing tells: a day, so that no order between the files is believed."""

_Pair = tuple[int, int]
"""Two files, the earlier first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What to add to a file's times so that they are the first file's."""

    offset_ns: int
    slack_ns: int
    """By how much that may be wrong."""
    why: str
    """`42 packets that both files hold`."""


@dataclass(slots=True)
class _Packets:
    """What the packets tell that two files hold: time in the one less time in the other."""

    count: int = 0
    least: int = 0
    most: int = 0
    middles: tuple[list[Ints], list[Ints]] = field(default_factory=lambda: ([], []))
    """Of each connection, between its two directions; and the same the other way round."""


@dataclass(slots=True)
class _Bounds:
    """What one file sends and the other acknowledges: time in the earlier file less time in the other."""

    sent_count: int = 0
    """Places that the earlier file sent up to."""
    sent_most: int = 0
    acknowledged_count: int = 0
    """Places that it acknowledges."""
    acknowledged_least: int = 0


class Clocks:
    """What all files tell about each other's clocks: 16 bytes for a connection or handshake that two of them hold."""

    def __init__(self, buckets: Iterable[Sightings], file_of_tap: Sequence[int]) -> None:
        """Look through all sightings; `file_of_tap`: the file of each interface."""
        self._packets: dict[_Pair, _Packets] = defaultdict(_Packets)
        self._hellos: dict[_Pair, list[Sightings]] = defaultdict(list)
        """By two files: pairs of sightings of one hello, that of the earlier file first."""
        self._bounds: dict[_Pair, _Bounds] = defaultdict(_Bounds)
        self._known: dict[_Pair, Offset | None] = {}
        """What was estimated before: reference and other."""
        files = np.array(file_of_tap, np.int64)
        for rows in buckets:
            is_packet = rows["kind"] == PACKET
            for pair, ours, theirs in _find_common(rows[is_packet], files):
                _add_packets(self._packets[pair], ours, theirs)
            is_hello = (rows["kind"] == CLIENT_HELLO) | (rows["kind"] == SERVER_HELLO)
            for pair, ours, theirs in _find_common(rows[is_hello], files):
                self._hellos[pair].append(np.stack([ours, theirs], axis=1))
            if len(set(file_of_tap)) > 1:
                _add_acknowledgments(self._bounds, rows[is_packet], files)

    def place(self, count: int) -> tuple[Offset, ...]:
        """The offset of each of so many files against the first; chains are followed, the surest link first."""
        placed: dict[int, Offset] = {0: Offset(offset_ns=0, slack_ns=0, why="the first file")}
        while len(placed) < count:
            links = [
                (link.slack_ns + placed[known].slack_ns, index, known, link)
                for index in range(count)
                if index not in placed
                for known in placed
                if (link := self.estimate(known, index)) is not None
            ]
            if not links:
                break
            slack_ns, index, known, link = min(links, key=lambda entry: entry[:3])
            offset_ns = link.offset_ns + placed[known].offset_ns
            placed[index] = Offset(offset_ns=offset_ns, slack_ns=slack_ns, why=link.why)
        lost = Offset(offset_ns=0, slack_ns=UNKNOWN_SLACK_NS, why="")
        return tuple(placed.get(index, lost) for index in range(count))

    def estimate(self, reference: int, other: int) -> Offset | None:
        """The offset of one file against another; None where they have nothing in common."""
        if (reference, other) not in self._known:
            self._known[reference, other] = self._estimate(reference, other)
        return self._known[reference, other]

    def _estimate(self, reference: int, other: int) -> Offset | None:
        pair = (reference, other) if reference < other else (other, reference)
        is_turned = reference > other
        if pair in self._packets:
            return _from_packets(self._packets[pair], is_turned=is_turned)
        found = None
        if pair in self._hellos:
            found = _from_hellos(np.concatenate(self._hellos[pair]), is_turned=is_turned)
        if found is None and pair in self._bounds:
            found = _from_acknowledgments(self._bounds[pair], is_turned=is_turned)
        return found


def _find_common(rows: Sightings, files: Ints) -> Iterator[tuple[_Pair, Sightings, Sightings]]:
    """Sightings of one thing that is exactly once in each of two files: what was sent again is not told apart."""
    file = files[rows["tap"]]
    order = np.lexsort((file, rows["key"]))
    rows, file = rows[order], file[order]
    same = (rows["key"][1:] == rows["key"][:-1]) & (file[1:] == file[:-1])
    is_single = np.ones(len(rows), bool)
    is_single[1:] &= ~same
    is_single[:-1] &= ~same
    rows, file = rows[is_single], file[is_single]
    # In many files: each with the next one that holds it, with the one after that, and so on.
    found: list[Ints] = []
    for distance in range(1, len(rows)):
        common = np.flatnonzero(rows["key"][distance:] == rows["key"][:-distance])
        if not len(common):
            break
        found.append(np.stack([common, common + distance], axis=1))
    places = np.concatenate([np.empty((0, 2), np.int64), *found])
    pairs, which = np.unique(file[places], axis=0, return_inverse=True)
    for index, (one, other) in enumerate(pairs.tolist()):
        ours, theirs = places[which.reshape(-1) == index].T
        yield (one, other), rows[ours], rows[theirs]


def _add_packets(packets: _Packets, ours: Sightings, theirs: Sightings) -> None:
    difference = ours["time_ns"] - theirs["time_ns"]
    least, most = int(difference.min()), int(difference.max())
    packets.least = min(packets.least, least) if packets.count else least
    packets.most = max(packets.most, most) if packets.count else most
    packets.count += len(difference)
    for middles, values in zip(packets.middles, (difference, -difference), strict=True):
        middles.append(_find_middles(ours, values))


def _find_middles(ours: Sightings, difference: Ints) -> Ints:
    """Of each connection: between its two directions the delay on the way falls out."""
    order = np.lexsort((difference, ours["is_rising"], ours["ends"]))
    difference, ends, rising = difference[order], ours["ends"][order], ours["is_rising"][order]
    is_other = np.ones(len(ends), bool)
    is_other[1:] = ends[1:] != ends[:-1]
    is_way = is_other.copy()
    is_way[1:] |= rising[1:] != rising[:-1]
    start = np.flatnonzero(is_way)
    count = np.diff(np.append(start, len(ends)))
    medians = difference[start + (count - 1) // 2]
    first = np.flatnonzero(is_other[start])
    ways = np.diff(np.append(first, len(start)))
    # Of two halves, or the sum would not fit where a clock is far off.
    middles: Ints = medians[first].copy()
    both = ways == 2
    one, other = medians[first[both]], medians[first[both] + 1]
    middles[both] = (one >> 1) + (other >> 1) + (one & other & 1)
    return middles


def _from_packets(packets: _Packets, *, is_turned: bool) -> Offset:
    least, most = packets.least, packets.most
    middles = np.sort(np.concatenate(packets.middles[is_turned]))
    offset_ns = int(middles[(len(middles) - 1) // 2])
    if is_turned:
        least, most = -most, -least
    return Offset(
        offset_ns=offset_ns,
        slack_ns=max(abs(least - offset_ns), abs(most - offset_ns)),
        why=f"{packets.count} packets that both files hold",
    )


def _from_hellos(hellos: Sightings, *, is_turned: bool) -> Offset | None:
    """By TLS that is passed on: whichever side is the client's, the offset lies between the two differences."""
    ours, theirs = hellos.T[::-1] if is_turned else hellos.T
    is_other = ours["ends"] != theirs["ends"]
    ours, theirs = ours[is_other], theirs[is_other]
    pairs: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    order = np.argsort(ours["time_ns"], kind="stable")
    ours, theirs = ours[order], theirs[order]
    difference = ours["time_ns"] - theirs["time_ns"]
    columns = (ours["ends"], theirs["ends"], ours["kind"], difference)
    for ends, other, kind, value in zip(*(column.tolist() for column in columns), strict=True):
        pairs[ends, other][kind] = value
    bounds = [sorted(both.values()) for both in pairs.values() if len(both) == 2]
    if not bounds:
        return None
    low, high = max(b[0] for b in bounds), min(b[1] for b in bounds)
    middle = median_low([(b[0] + b[1]) // 2 for b in bounds]) if low > high else (low + high) // 2
    why = f"{len(bounds)} handshakes that a machine between the files passed on"
    return _between(low, high, middle, why)


def _add_acknowledgments(bounds: dict[_Pair, _Bounds], packets: Sightings, files: Ints) -> None:
    """By bytes that one file shows and another one acknowledges."""
    place, sender, sent_ns = _find_first(packets, "sent", files)
    acknowledged, other, seen_ns = _find_first(packets, "acknowledged", files)
    first, last = (np.searchsorted(place, acknowledged, side) for side in ("left", "right"))
    # Each acknowledgment beside each file that sent up to there.
    many = last - first
    ack = np.repeat(np.arange(len(acknowledged)), many)
    sent = np.arange(len(ack)) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first, many)
    sender, other, difference = sender[sent], other[ack], sent_ns[sent] - seen_ns[ack]
    for one, two in np.unique(np.stack([sender, other], axis=1), axis=0).tolist():
        mine = difference[(sender == one) & (other == two)]
        if one < two:
            found = bounds[one, two]
            most = int(mine.max())
            found.sent_most = max(found.sent_most, most) if found.sent_count else most
            found.sent_count += len(mine)
        elif one > two:
            found = bounds[two, one]
            least = -int(mine.max())
            is_known = found.acknowledged_count > 0
            found.acknowledged_least = min(found.acknowledged_least, least) if is_known else least
            found.acknowledged_count += len(mine)


def _find_first(packets: Sightings, name: str, files: Ints) -> tuple[Hashes, Ints, Ints]:
    """Places, files and times, in order of place: when each file first showed it."""
    rows = packets[packets[name] != 0]
    file = files[rows["tap"]]
    order = np.lexsort((rows["time_ns"], file, rows[name]))
    place, file, time_ns = rows[name][order], file[order], rows["time_ns"][order]
    is_first = np.ones(len(order), bool)
    is_first[1:] = (place[1:] != place[:-1]) | (file[1:] != file[:-1])
    return place[is_first], file[is_first], time_ns[is_first]


def _from_acknowledgments(bounds: _Bounds, *, is_turned: bool) -> Offset | None:
    if not bounds.sent_count or not bounds.acknowledged_count:
        return None
    low, high = bounds.sent_most, bounds.acknowledged_least
    if is_turned:
        low, high = -high, -low
    count = bounds.sent_count + bounds.acknowledged_count
    why = f"{count} packets of one file that the other acknowledges"
    return _between(low, high, (low + high) // 2, why)


def _between(low: int, high: int, middle: int, why: str) -> Offset:
    """The offset between two bounds: none where that fits, else the middle, where the bounds disagree too."""
    if low > high:
        return Offset(offset_ns=middle, slack_ns=low - high, why=f"{why} and that disagree")
    offset_ns = 0 if low <= 0 <= high else middle
    return Offset(offset_ns=offset_ns, slack_ns=max(high - offset_ns, offset_ns - low), why=why)
