"""Run: bytes that one side of a connection sent in several packets, with nothing of its own between them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from harness.trace.packet import PacketNumber
from harness.trace.seen import Seen

Piece = tuple[bytes, PacketNumber, int]
"""Bytes, number and time of one packet."""


class Run:
    """Bytes and the packets that brought them. Nobody changes it."""

    __slots__ = ("_seen", "data", "ends", "numbers", "times")

    def __init__(
        self,
        data: bytes,
        ends: Sequence[int],
        numbers: Sequence[PacketNumber],
        times: Sequence[int],
    ) -> None:
        """Take the bytes, and of each packet where its bytes end in them, its number, and its time, ascending.

        The sequences may be views of the columns of a window; `keep` is for who holds a run for longer.
        """
        self.data = data
        self.ends = ends
        self.numbers = numbers
        self.times = times
        self._seen: Seen | None = None

    def keep(self, size: int | None = None) -> Run:
        """The last packets with at least so many bytes, or all, without the window."""
        begin = len(self.data) - size if size is not None else 0
        first = bisect_right(self.ends, begin) if begin > 0 else 0
        kept = self.cut(first, len(self.ends)) if first else self
        return Run(kept.data, [*kept.ends], [*kept.numbers], [*kept.times])

    def seen(self, begin: int, end: int) -> Seen:
        """The packets that carried the bytes from `begin` to `end` (not included; at least one)."""
        if len(self.ends) == 1:
            if self._seen is None:
                self._seen = Seen(time_ns=self.times[0], packets=(self.numbers[0],))
            return self._seen
        first = bisect_right(self.ends, begin)
        last = bisect_left(self.ends, end, first)
        return Seen(time_ns=self.times[last], packets=tuple(self.numbers[first : last + 1]))

    def find_packet(self, offset: int) -> int:
        """Index of the packet that brought the byte before an offset."""
        return bisect_left(self.ends, offset)

    def cut(self, first: int, last: int) -> Run:
        """What the packets from index `first` to `last` (not included) brought."""
        begin = self.ends[first - 1] if first else 0
        ends = [end - begin for end in self.ends[first:last]]
        data = self.data[begin : self.ends[last - 1]]
        return Run(data, ends, self.numbers[first:last], self.times[first:last])

    def spans(self, begin: int, end: int) -> tuple[tuple[int, Seen], ...]:
        """The same, packet by packet: how many of these bytes each one brought."""
        if len(self.ends) == 1:
            return ((end - begin, self.seen(begin, end)),)
        first = bisect_right(self.ends, begin)
        found: list[tuple[int, Seen]] = []
        while begin < end:
            until = min(self.ends[first], end)
            seen = Seen(time_ns=self.times[first], packets=(self.numbers[first],))
            found.append((until - begin, seen))
            begin, first = until, first + 1
        return tuple(found)

    def pieces(self, begin: int = 0, end: int | None = None) -> Iterator[Piece]:
        """The bytes of each packet, with its number and time; or only those between two offsets."""
        end = len(self.data) if end is None else end
        index = bisect_right(self.ends, begin) if begin else 0
        while begin < end:
            until = min(self.ends[index], end)
            yield self.data[begin:until], self.numbers[index], self.times[index]
            begin, index = until, index + 1


NOTHING = Run(b"", (), (), ())
"""A side that sent nothing."""


def join_runs(runs: Sequence[Run]) -> Run:
    """One after the other."""
    ends: list[int] = []
    for run in runs:
        before = ends[-1] if ends else 0
        ends += [before + end for end in run.ends]
    return Run(
        b"".join(run.data for run in runs),
        ends,
        [number for run in runs for number in run.numbers],
        [time_ns for run in runs for time_ns in run.times],
    )
