"""Direction: the bytes that one end of a TCP connection sent, put in order, with what is missing.

Offset 0 is the byte after the SYN. The first copy of a byte wins; another copy with other content is reported.
What was sent but not seen becomes a Gap, never zeros.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.decode.tcp.run import Run
from harness.trace.packet import PacketNumber
from harness.trace.seen import Side

if TYPE_CHECKING:
    from hashlib import _Hash

    from harness.trace.connection import ByteStream, Gap
    from harness.trace.http import Malformed

MAX_AHEAD = 1 << 30
"""Bytes a segment may be ahead of the stream: the largest TCP window (RFC 7323 section 2.3)."""
_REBASE = 1 << 20
"""Bytes by which a guessed beginning may turn out to be too late."""
_HISTORY_SIZE = 64 << 10
"""Delivered bytes kept to compare later copies with: more than is usually in flight."""
_MAX_CONFLICTS = 16
"""Reports for one direction; a broken capture would give one for each packet."""


@dataclass(slots=True)
class Piece:
    """Bytes at their place in the stream."""

    offset: int
    size: int
    data: bytes | None
    """None: sent, but cut out by the capture."""
    after: int
    """Bytes of the other direction that its sender had received."""
    number: PacketNumber
    time_ns: int

    @property
    def end(self) -> int:
        """Offset of the first byte after it."""
        return self.offset + self.size

    def cut(self, begin: int, end: int) -> Piece:
        """The part between two offsets."""
        data = None if self.data is None else self.data[begin - self.offset : end - self.offset]
        return Piece(begin, end - begin, data, self.after, self.number, self.time_ns)


class Direction:
    """One direction. Nothing is delivered twice, and nothing before the bytes that precede it."""

    def __init__(self, side: Side, *, is_hashed: bool = True, is_compared: bool = True) -> None:
        """Begin before the first packet; copies of bytes are compared only where somebody wants to know."""
        self.side = side
        self.base: int | None = None
        """Sequence number of offset 0."""
        self.from_start = False
        """The base comes from a SYN, or from the acknowledgment of one."""
        self.isn: int | None = None
        self.next = 0
        """Everything before this offset is delivered, or declared missing."""
        self.acked = 0
        """The other side has acknowledged so much (FIN not counted)."""
        self.fin: int | None = None
        self.fin_acked = False
        self.packet_count = 0
        self.buffered = 0
        """Bytes waiting for those before them."""
        self.pieces: list[Piece] = []
        """Waiting, ascending, not overlapping."""
        self.malformed: list[Malformed] = []
        self.data_seen = False
        self.time_ns = 0
        """Time of the latest byte delivered."""
        self._gaps: list[Gap] = []
        self._hash: _Hash | None = None
        if is_hashed:
            # Not above: what is told briefly has no hashes, and takes no longer than loading them.
            from hashlib import sha256

            self._hash = sha256()
        self._is_compared = is_compared
        self._recent: deque[tuple[int, Run]] = deque()
        """Delivered after those of the history, with their offsets."""
        self._recent_size = 0
        self._history: list[Piece] = []
        """Delivered, ascending; those before `_history_begin` are let go."""
        self._history_begin = 0
        self._history_size = 0
        self._conflicts = 0

    def begin(self, base: int, *, from_start: bool) -> None:
        """Say which sequence number is offset 0; a better knowledge moves what has not been delivered."""
        base &= 0xFFFFFFFF
        if self.base is None:
            self.base, self.from_start = base, from_start
            return
        shift = -self.place(base)
        if self.from_start or shift < 0 or (shift > 0 and (self.next > 0 or shift > _REBASE)):
            return
        for piece in self.pieces:
            piece.offset += shift
        self.acked += shift
        self.base, self.from_start = base, from_start

    def place(self, seq: int) -> int:
        """The offset of a sequence number: of all that are equal modulo 2**32, the one nearest to `next`."""
        assert self.base is not None
        delta = (seq - self.base - self.next) & 0xFFFFFFFF
        if delta >= 1 << 31:
            delta -= 1 << 32
        return self.next + delta

    @property
    def end(self) -> int:
        """Offset after the last byte seen."""
        return max(self.pieces[-1].end if self.pieces else 0, self.next)

    def is_ready(self) -> bool:
        """Whether the next piece could be delivered."""
        return bool(self.pieces) and self.pieces[0].offset == self.next

    def missing_until(self) -> int | None:
        """End of the hole that the other side has proven by acknowledging it; None: there is no such hole."""
        if self.is_ready():
            return None
        acked = self.acked if self.fin is None else min(self.acked, self.fin)
        if self.pieces:
            acked = min(acked, self.pieces[0].offset)
        return acked if acked > self.next else None

    def add(self, piece: Piece) -> None:
        """Take in what is new of a piece."""
        if piece.size == 0:
            return
        if -_REBASE <= piece.offset < 0 and not self.from_start and self.next == 0:
            # The base was only taken from an acknowledgment, or from a packet that overtook this one.
            assert self.base is not None
            self.begin(self.base + piece.offset, from_start=False)
            piece.offset = 0
        if piece.offset < self.next:
            if self._recent:
                self._recall()
            self._compare_old(piece)
            if piece.end <= self.next:
                return
            piece = piece.cut(self.next, piece.end)
        if piece.offset - self.next > MAX_AHEAD:
            self._report(
                f"a segment at offset {piece.offset}, {piece.offset - self.next} bytes ahead",
                (piece.number,),
            )
            return
        self.data_seen = True
        if not self.pieces or piece.offset >= self.pieces[-1].end:
            self._insert(piece)
        else:
            self._add_between(piece)

    def _add_between(self, piece: Piece) -> None:
        """Insert what no waiting piece covers, and compare the rest."""
        at = max(bisect_right(self.pieces, piece.offset, key=_offset) - 1, 0)
        here = piece.offset
        overlapped: list[Piece] = []
        for waiting in self.pieces[at:]:
            if waiting.offset >= piece.end:
                break
            if waiting.end > here:
                overlapped.append(waiting)
        for waiting in overlapped:
            if waiting.offset > here:
                self._insert(piece.cut(here, waiting.offset))
            self._compare(waiting, piece)
            here = max(here, waiting.end)
        if here < piece.end:
            self._insert(piece.cut(here, piece.end))

    def _insert(self, piece: Piece) -> None:
        insort(self.pieces, piece, key=_offset)
        self.buffered += piece.size

    def take(self) -> Piece:
        """The next piece, which is_ready has promised; counts it as delivered."""
        piece = self.pieces.pop(0)
        self.buffered -= piece.size
        self.next = piece.end
        self.time_ns = max(self.time_ns, piece.time_ns)
        if piece.data is None:
            self._note_gap(piece.offset, piece.size)
            return piece
        if self._hash is not None:
            self._hash.update(piece.data)
        if self._recent:
            self._recall()
        if self._is_compared:
            self._remember(piece)
        return piece

    def _remember(self, piece: Piece) -> None:
        """Keep delivered bytes for a while, to compare later copies with them."""
        self._history.append(piece)
        self._history_size += piece.size
        while self._history_size > _HISTORY_SIZE and self._history_begin < len(self._history) - 1:
            self._history_size -= self._history[self._history_begin].size
            self._history_begin += 1
        if 2 * self._history_begin > len(self._history):
            del self._history[: self._history_begin]
            self._history_begin = 0

    def is_calm(self) -> bool:
        """Whether the next byte is known, nothing waits or is missing, and the end was not seen."""
        return (
            self.base is not None
            and (self.from_start or self.next > 0)
            and not self.pieces
            and self.fin is None
            and self.acked <= self.next
        )

    def add_run(self, run: Run) -> None:
        """Bytes that come next, or none; they are delivered at once."""
        if not run.ends:
            return
        if self._hash is not None:
            self._hash.update(run.data)
        self.time_ns = max(self.time_ns, run.times[-1])
        self.next += len(run.data)
        if self._is_compared:
            self._keep_recent(run)

    def _keep_recent(self, run: Run) -> None:
        run = run.keep(_HISTORY_SIZE)
        self._recent.append((self.next - len(run.data), run))
        self._recent_size += len(run.data)
        while self._recent_size - len(self._recent[0][1].data) >= _HISTORY_SIZE:
            self._recent_size -= len(self._recent.popleft()[1].data)

    def pass_over(self, size: int) -> None:
        """Bytes that come next, and nobody wants to see; the direction is not hashed."""
        assert self._hash is None
        self.next += size

    def _recall(self) -> None:
        """Make history of the runs: now a copy may have to be compared with them."""
        while self._recent:
            offset, run = self._recent.popleft()
            for data, number, time_ns in run.pieces():
                self._remember(Piece(offset, len(data), data, 0, number, time_ns))
                offset += len(data)
        self._recent_size = 0

    def skip(self, until: int) -> int:
        """Give up the bytes before `until` and say how many they are."""
        size = until - self.next
        self._note_gap(self.next, size)
        self.next = until
        return size

    def _note_gap(self, offset: int, size: int) -> None:
        if self._gaps and self._gaps[-1].offset + self._gaps[-1].size == offset:
            offset, size = self._gaps[-1].offset, self._gaps[-1].size + size
            self._gaps.pop()
        # Not above, here and below: see layer_fields.py.
        from harness.trace.connection import Gap

        self._gaps.append(Gap(offset=offset, size=size))

    def _compare_old(self, piece: Piece) -> None:
        # A keep-alive repeats the last byte, with any content (RFC 1122 section 4.2.3.6).
        if piece.size == 1 and piece.end == self.next:
            return
        begin = self._history_begin
        at = bisect_right(self._history, piece.offset, lo=begin, key=_offset)
        for index in range(max(at - 1, begin), len(self._history)):
            old = self._history[index]
            if old.offset >= piece.end:
                break
            if old.end > piece.offset:
                self._compare(old, piece)

    def _compare(self, first: Piece, again: Piece) -> None:
        begin, end = max(first.offset, again.offset), min(first.end, again.end)
        one, two = first.cut(begin, end).data, again.cut(begin, end).data
        if one is None or two is None or one == two:
            return
        at = next(index for index in range(len(one)) if one[index] != two[index])
        self._report(
            f"bytes {begin} to {end} were sent again with other content: byte {begin + at} was 0x{one[at]:02x}"
            f" in packet {first.number} and 0x{two[at]:02x} in packet {again.number}; the first copy is kept",
            (first.number, again.number),
        )

    def _report(self, message: str, packets: tuple[PacketNumber, ...]) -> None:
        self._conflicts += 1
        if self._conflicts <= _MAX_CONFLICTS:
            self.complain(message, tuple(sorted(set(packets))))

    def complain(self, message: str, packets: tuple[PacketNumber, ...]) -> None:
        """Note what is malformed in these packets."""
        from harness.trace.http import Malformed

        self.malformed.append(
            Malformed(sender=self.side, layer="tcp", message=message, packets=packets)
        )

    def build_stream(self) -> ByteStream:
        """What is known at the end."""
        from harness.trace.connection import ByteStream

        return ByteStream(
            size=self.next,
            from_start=self.from_start,
            sha256=self._hash.hexdigest() if self._hash is not None and not self._gaps else None,
            gaps=tuple(self._gaps),
            packet_count=self.packet_count,
        )


def _offset(piece: Piece) -> int:
    return piece.offset
