"""Run: bytes that one side of a connection sent in several packets with nothing between them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen


class Run:
    """Bytes and the packets that brought them. Nobody changes it."""

    __slots__ = ("_seen", "data", "ends", "numbers", "times")

    def __init__(
        self, data: bytes, ends: list[int], numbers: list[PacketNumber], times: list[int]
    ) -> None:
        """Take the bytes, and of each packet where its bytes end in them, its number, and its time, ascending."""
        self.data = data
        self.ends = ends
        self.numbers = numbers
        self.times = times
        self._seen: Seen | None = None

    def seen(self, begin: int, end: int) -> Seen:
        """The packets that carried the bytes from `begin` to `end` (not included; at least one)."""
        if len(self.ends) == 1:
            if self._seen is None:
                self._seen = Seen(time_ns=self.times[0], packets=(self.numbers[0],))
            return self._seen
        first = bisect_right(self.ends, begin)
        last = bisect_left(self.ends, end, first)
        return Seen(time_ns=self.times[last], packets=tuple(self.numbers[first : last + 1]))

    def pieces(self) -> Iterator[tuple[bytes, PacketNumber, int]]:
        """The bytes of each packet, with its number and time."""
        begin = 0
        for end, number, time_ns in zip(self.ends, self.numbers, self.times, strict=True):
            yield self.data[begin:end], number, time_ns
            begin = end
