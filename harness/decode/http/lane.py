"""Lane: the bytes of one side of an HTTP connection that are not yet used, and which packets brought them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen


@dataclass(frozen=True, slots=True)
class Span:
    """Where a run of bytes was seen."""

    first_ns: int
    last_ns: int
    packets: tuple[PacketNumber, ...]


class Lane:
    """A queue of bytes with their packets. Offsets count all bytes ever put in; a gap of unknown size counts none."""

    __slots__ = ("_buffer", "_pieces", "_searched", "offset")

    def __init__(self) -> None:
        """Begin empty."""
        self._buffer = bytearray()
        self._pieces: deque[tuple[int, int, Seen]] = deque()
        self._searched = 0
        self.offset = 0
        """Of the first byte that is still here."""

    def __len__(self) -> int:
        """Bytes that are still here."""
        return len(self._buffer)

    def put(self, data: bytes, seen: Seen) -> None:
        """Add bytes at the end."""
        begin = self.offset + len(self._buffer)
        self._pieces.append((begin, begin + len(data), seen))
        self._buffer += data

    def look(self, size: int) -> bytes:
        """The first bytes, which stay."""
        return bytes(self._buffer[:size])

    def take(self, size: int) -> bytes:
        """The first bytes, or all; they are gone then, their packets are still known."""
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self.offset += len(data)
        self._searched = 0
        return data

    def take_line(self) -> bytes | None:
        """Up to the next LF, which is included; None: not there yet."""
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            return None
        return self.take(end + 1)

    def take_head(self) -> bytes | None:
        """Up to the next empty line, which is included (ended by LF or CRLF); None: not there yet."""
        at = self._searched
        while True:
            at = self._buffer.find(b"\n", at)
            if at < 0:
                self._searched = max(len(self._buffer) - 1, 0)
                return None
            if self._buffer.startswith(b"\r\n", at + 1):
                return self.take(at + 3)
            if self._buffer.startswith(b"\n", at + 1):
                return self.take(at + 2)
            if at + 2 >= len(self._buffer):
                # The byte that tells is not here yet.
                self._searched = at
                return None
            at += 1

    def drain(self) -> list[tuple[bytes, Seen]]:
        """Everything that is still here, cut where it came in."""
        parts: list[tuple[bytes, Seen]] = []
        for first, last, seen in list(self._pieces):
            if last > self.offset:
                parts.append((self.take(last - max(first, self.offset)), seen))
        return parts

    def skip(self, size: int) -> None:
        """Bytes that were never seen."""
        assert not self._buffer
        self.offset += size

    def span(self, begin: int, end: int) -> Span:
        """Which packets brought the bytes from one offset to another (not included)."""
        found = [seen for first, last, seen in self._pieces if last > begin and first < end]
        if not found:
            return Span(0, 0, ())
        packets = {number for seen in found for number in seen.packets}
        return Span(found[0].time_ns, found[-1].time_ns, tuple(sorted(packets)))

    def forget(self, before: int) -> None:
        """Forget the packets of bytes before an offset."""
        while self._pieces and self._pieces[0][1] <= before:
            self._pieces.popleft()
