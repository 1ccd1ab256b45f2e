"""The clock of a capture file against another's: how far apart they are, and how surely that is known.

Packets that both files hold tell it best: what travels one way is late in one file, what travels the other way in the
other, so the middle of both is the offset (as in RFC 5905 section 8). Files without common packets may still hold both
sides of a machine that passes TLS on: a ClientHello cannot leave it before it came in, nor a ServerHello. Files that
hold a direction of the same connections each bound one another too: nothing is acknowledged before it was sent.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median_low

from harness.decode.packet.frame import ACK, FIN, RST, SYN, Segment

UNKNOWN_SLACK_NS = 24 * 3600 * 1_000_000_000
"""Where nothing tells: a day, so that no order between the files is believed."""

_HEAD = 64
"""Bytes of a payload that tell packets apart: captures may be cut at different lengths."""
_HANDSHAKE = 0x16
_HELLO_SIZE = 43
"""Record header 5, message header 4, version 2, random 32 (RFC 8446 sections 5.1 and 4.1.2)."""

_Ends = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One TCP packet in one file."""

    ends: _Ends
    """Both ends of its connection, the lower first."""
    is_rising: bool
    """Sent by the lower end."""
    time_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What to add to a file's times so that they are the first file's."""

    offset_ns: int
    slack_ns: int
    """By how much that may be wrong."""
    why: str
    """`42 packets that both files hold`."""


@dataclass(slots=True)
class Sightings:
    """What of a file can be found again in another; grows packet by packet."""

    packets: dict[tuple[bytes, bytes, int, int, int, int, int], list[Sighting]] = field(
        default_factory=lambda: defaultdict(list)
    )
    hellos: dict[tuple[int, bytes], list[Sighting]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """First flights by kind (1 ClientHello, 2 ServerHello) and random."""

    def add(self, segment: Segment) -> None:
        """Take in one packet."""
        source, destination = segment.source, segment.destination
        is_rising = source <= destination
        sighting = Sighting(
            ends=(source, destination) if is_rising else (destination, source),
            is_rising=is_rising,
            time_ns=segment.time_ns,
        )
        self.packets[find_key(segment)].append(sighting)
        data = segment.data
        if len(data) >= _HELLO_SIZE and data[0] == _HANDSHAKE and data[5] in (1, 2):
            self.hellos[data[5], bytes(data[11:_HELLO_SIZE])].append(sighting)


def find_key(segment: Segment) -> tuple[bytes, bytes, int, int, int, int, int]:
    """What is the same when one packet is seen in two places."""
    head = zlib.crc32(segment.data[:_HEAD])
    return (
        segment.source,
        segment.destination,
        segment.seq,
        segment.ack,
        segment.flags,
        segment.size,
        head,
    )


def estimate(reference: Sightings, other: Sightings) -> Offset | None:
    """The offset of `other` against `reference`; None where they have nothing in common."""
    return (
        _from_packets(reference, other)
        or _from_hellos(reference, other)
        or _from_acknowledgments(reference, other)
    )


def place(files: Sequence[Sightings]) -> tuple[Offset, ...]:
    """The offset of every file against the first; chains are followed, the surest link first."""
    placed: dict[int, Offset] = {0: Offset(offset_ns=0, slack_ns=0, why="the first file")}
    while len(placed) < len(files):
        links = [
            (link.slack_ns + placed[known].slack_ns, index, known, link)
            for index in range(len(files))
            if index not in placed
            for known in placed
            if (link := estimate(files[known], files[index])) is not None
        ]
        if not links:
            break
        slack_ns, index, known, link = min(links, key=lambda entry: entry[:3])
        offset_ns = link.offset_ns + placed[known].offset_ns
        placed[index] = Offset(offset_ns=offset_ns, slack_ns=slack_ns, why=link.why)
    lost = Offset(offset_ns=0, slack_ns=UNKNOWN_SLACK_NS, why="")
    return tuple(placed.get(index, lost) for index in range(len(files)))


def _from_packets(reference: Sightings, other: Sightings) -> Offset | None:
    """By packets that are exactly once in each file: a retransmission is not told from its original."""
    ways: dict[_Ends, dict[bool, list[int]]] = defaultdict(lambda: defaultdict(list))
    differences: list[int] = []
    for key, ours in reference.packets.items():
        theirs = other.packets.get(key, ())
        if len(ours) == len(theirs) == 1:
            difference = ours[0].time_ns - theirs[0].time_ns
            ways[ours[0].ends][ours[0].is_rising].append(difference)
            differences.append(difference)
    if not differences:
        return None
    middles = [_middle(by_way.values()) for by_way in ways.values()]
    offset_ns = median_low(middles)
    return Offset(
        offset_ns=offset_ns,
        slack_ns=max(abs(difference - offset_ns) for difference in differences),
        why=f"{len(differences)} packets that both files hold",
    )


def _middle(ways: Iterable[list[int]]) -> int:
    """Between the two directions of a connection, the delay on the way falls out."""
    medians = [median_low(way) for way in ways]
    return sum(medians) // len(medians)


def _from_hellos(reference: Sightings, other: Sightings) -> Offset | None:
    """By TLS that is passed on: whichever side is the client's, the offset lies between the two differences."""
    pairs: dict[tuple[_Ends, _Ends], dict[int, int]] = defaultdict(dict)
    for key, ours in reference.hellos.items():
        theirs = other.hellos.get(key, ())
        if len(ours) == len(theirs) == 1 and ours[0].ends != theirs[0].ends:
            difference = ours[0].time_ns - theirs[0].time_ns
            pairs[ours[0].ends, theirs[0].ends][key[0]] = difference
    bounds = [sorted(both.values()) for both in pairs.values() if len(both) == 2]
    if not bounds:
        return None
    low, high = max(b[0] for b in bounds), min(b[1] for b in bounds)
    middle = median_low([(b[0] + b[1]) // 2 for b in bounds]) if low > high else (low + high) // 2
    why = f"{len(bounds)} handshakes that a machine between the files passed on"
    return _between(low, high, middle, why)


def _from_acknowledgments(reference: Sightings, other: Sightings) -> Offset | None:
    """By bytes that one file shows and the other one acknowledges, both ways."""
    (sent, acknowledged), (theirs, their_acks) = (_find_first(s) for s in (reference, other))
    low = [sent[place] - their_acks[place] for place in sent.keys() & their_acks.keys()]
    high = [acknowledged[place] - theirs[place] for place in theirs.keys() & acknowledged.keys()]
    if not low or not high:
        return None
    why = f"{len(low) + len(high)} packets of one file that the other acknowledges"
    return _between(max(low), min(high), (max(low) + min(high)) // 2, why)


_Place = tuple[bytes, bytes, int]
"""Sender, receiver, and the sequence number behind what was sent."""


def _find_first(sightings: Sightings) -> tuple[dict[_Place, int], dict[_Place, int]]:
    """When each place was first sent up to, and when it was first acknowledged."""
    sent: dict[_Place, int] = {}
    acknowledged: dict[_Place, int] = {}
    for (source, destination, seq, ack, flags, size, _), seen in sightings.packets.items():
        time_ns = min(sighting.time_ns for sighting in seen)
        size += bool(flags & SYN) + bool(flags & FIN)
        if size and not flags & RST:
            behind = (source, destination, (seq + size) & 0xFFFFFFFF)
            sent[behind] = min(sent.get(behind, time_ns), time_ns)
        if flags & ACK:
            behind = (destination, source, ack)
            acknowledged[behind] = min(acknowledged.get(behind, time_ns), time_ns)
    return sent, acknowledged


def _between(low: int, high: int, middle: int, why: str) -> Offset:
    """The offset between two bounds: none where that fits, else the middle, where the bounds disagree too."""
    if low > high:
        return Offset(offset_ns=middle, slack_ns=low - high, why=f"{why} and that disagree")
    offset_ns = 0 if low <= 0 <= high else middle
    return Offset(offset_ns=offset_ns, slack_ns=max(high - offset_ns, offset_ns - low), why=why)
