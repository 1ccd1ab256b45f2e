"""Fragments of IP datagrams, put together again: RFC 791 section 3.2, RFC 815, RFC 8200 section 4.5.

Readers differ on which copy of overlapping bytes counts (RFC 1858, RFC 5722), so a datagram whose copies differ is
given up and named: no content is better than one of several. Copies with equal bytes do no harm and are taken once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field

from harness.trace.packet import PacketNumber

MAX_DATAGRAM = 0xFFFF
"""Bytes of an IPv4 datagram, and of what follows the IPv6 header."""
MAX_PENDING = 1024
"""Datagrams that wait for their other fragments; the oldest is given up first."""
MAX_BYTES = 8 << 20
"""Bytes that wait, of all datagrams."""
MAX_WAIT_NS = 60_000_000_000
"""Packet time a datagram may wait (RFC 8200 section 4.5)."""

Key = tuple[str, bytes, bytes, int, int]
"""Tap, source, destination, protocol, identification."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One fragment, read from its header."""

    offset: int
    """Bytes before it in the payload of the datagram."""
    data: bytes
    is_last: bool
    number: PacketNumber
    time_ns: int


@dataclass(frozen=True, slots=True)
class Joined:
    """The payload of a whole datagram."""

    data: bytes
    earlier: tuple[PacketNumber, ...]
    """The packets that carried it, ascending, without the one that completed it."""


@dataclass(slots=True)
class _Pending:
    """A datagram of which something is missing."""

    time_ns: int
    offsets: list[int] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    numbers: list[PacketNumber] = field(default_factory=list)
    size: int = 0
    """Bytes that are here."""
    total: int | None = None
    """Bytes of the whole; None: the last fragment was not seen."""
    conflict: bool = False
    """Copies differ: it is never put together."""


class FragmentReader:
    """Collects fragments: `feed` gives the datagram when it is whole, or says why a fragment is of no use."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pending: OrderedDict[Key, _Pending] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """Datagrams that wait."""
        return len(self._pending)

    def feed(self, key: Key, fragment: Fragment) -> Joined | str:
        """Take in one fragment; the text is the note for its packet."""
        end = fragment.offset + len(fragment.data)
        if end > MAX_DATAGRAM:
            return f"fragment that ends at byte {end} of its datagram, more than {MAX_DATAGRAM}"
        if not fragment.is_last and len(fragment.data) % 8:
            return f"fragment of {len(fragment.data)} bytes, not a multiple of 8"
        self._expire(fragment.time_ns)
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = _Pending(fragment.time_ns)
        before = pending.size
        _add(pending, fragment)
        self._bytes += pending.size - before
        if pending.conflict:
            return "fragment that overlaps others with different bytes: readers see different datagrams"
        if pending.size > before:
            pending.numbers.append(fragment.number)
        if pending.size != pending.total:
            return "fragment"
        self._drop(key)
        earlier = sorted(number for number in pending.numbers if number != fragment.number)
        return Joined(b"".join(pending.pieces), tuple(earlier))

    def _expire(self, now_ns: int) -> None:
        while self._pending:
            key, oldest = next(iter(self._pending.items()))
            is_full = len(self._pending) >= MAX_PENDING or self._bytes > MAX_BYTES
            if not is_full and now_ns - oldest.time_ns <= MAX_WAIT_NS:
                return
            self._drop(key)

    def _drop(self, key: Key) -> None:
        self._bytes -= self._pending.pop(key).size


def _add(pending: _Pending, fragment: Fragment) -> None:
    """Insert what is new of a fragment, and note where it contradicts what is there."""
    begin, end = fragment.offset, fragment.offset + len(fragment.data)
    if fragment.is_last:
        if pending.total not in (None, end):
            pending.conflict = True
        pending.total = end
    known_end = pending.offsets[-1] + len(pending.pieces[-1]) if pending.offsets else 0
    if pending.total is not None and max(end, known_end) > pending.total:
        pending.conflict = True
    here = begin
    at = max(bisect_right(pending.offsets, begin) - 1, 0)
    while at < len(pending.offsets) and pending.offsets[at] < end:
        first, piece = pending.offsets[at], pending.pieces[at]
        last = first + len(piece)
        if last > here:
            if first > here:
                _insert(pending, at, here, fragment.data[here - begin : first - begin])
                at += 1
            low, high = max(first, begin), min(last, end)
            if piece[low - first : high - first] != fragment.data[low - begin : high - begin]:
                pending.conflict = True
            here = max(here, last)
        at += 1
    if here < end:
        _insert(pending, at, here, fragment.data[here - begin :])


def _insert(pending: _Pending, at: int, offset: int, data: bytes) -> None:
    pending.offsets.insert(at, offset)
    pending.pieces.insert(at, data)
    pending.size += len(data)
