"""The sending half of a simulated TCP connection: what may leave, what is acknowledged, what has to leave again.

Positions count from 0 for the SYN; the first byte of data is 1. Slow start, congestion avoidance and fast
retransmission as in RFC 5681 and 6582, time-outs as in RFC 6298 with Linux' limits.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

INITIAL_WINDOW_SEGMENTS = 10
"""RFC 6928."""
_DUPLICATES = 3
_MILLISECOND = 1_000_000
RTO_FIRST_NS = 1000 * _MILLISECOND
_RTO_MIN_NS = 200 * _MILLISECOND
_RTO_MAX_NS = 120_000 * _MILLISECOND


class Piece(NamedTuple):
    """One segment's share of the stream."""

    position: int
    payload: bytes
    push: bool
    fin: bool


class Sender:
    """Bytes on their way, oldest first."""

    def __init__(self, mss: int) -> None:
        """Args: `mss` is the most payload of one segment."""
        self.mss = mss
        self.una = 0
        """The oldest position that is not acknowledged."""
        self.nxt = 0
        """The next position to send; after a time-out that is one sent before."""
        self.top = 0
        """Nothing from here on was ever sent."""
        self.window = mss
        """What the peer allows, in bytes."""
        self.rto_ns = RTO_FIRST_NS
        self.is_ended = False
        """FIN is queued behind the data."""
        self._buffer = bytearray()
        self._base = 1
        """Position of the first byte of the buffer."""
        self._ends: deque[int] = deque()
        """Where writes ended: those segments carry PSH."""
        self._congestion = INITIAL_WINDOW_SEGMENTS * mss
        self._threshold = 1 << 30
        self._duplicates = 0
        self._recover = 0
        self._timed: tuple[int, int] | None = None
        """Position and time of the one segment whose round trip is measured (Karn: never one sent twice)."""
        self._smoothed_ns = 0
        self._variance_ns = 0

    @property
    def end(self) -> int:
        """Position after the last byte of data."""
        return self._base + len(self._buffer)

    @property
    def pending(self) -> int:
        """Bytes not acknowledged, sent or not."""
        return len(self._buffer)

    @property
    def has_sent_all(self) -> bool:
        """Everything queued so far has left at least once since the last time-out, FIN included."""
        end = self._base + len(self._buffer)
        return self.nxt > end or (self.nxt == end and not self.is_ended)

    @property
    def is_under_way(self) -> bool:
        """Something sent is not acknowledged yet."""
        return self.una < self.nxt

    @property
    def is_blocked(self) -> bool:
        """There is data, nothing under way, and no window for it: somebody has to ask for one."""
        return self.una == self.nxt and self.nxt < self.end and self.window <= 0

    def write(self, data: bytes) -> None:
        """Queue data."""
        self._buffer += data
        self._ends.append(self.end)

    def take(self, now_ns: int) -> Piece | None:
        """The next segment that may leave now; None: nothing may."""
        end = self.end
        left = end - self.nxt
        if left <= 0:
            if not self.is_ended or self.nxt > end:
                return None
            return self._sent(Piece(self.nxt, b"", push=False, fin=True), now_ns)
        room = self.una + min(self._congestion, self.window) - self.nxt
        size = min(self.mss, left, room)
        # A fragment only because the window is nearly full waits for more (RFC 9293 section 3.8.6.2.1).
        if size <= 0 or (size < self.mss and size < left and self.is_under_way):
            return None
        start = self.nxt - self._base
        last = self.nxt + size
        while self._ends and self._ends[0] < last:
            self._ends.popleft()
        push = last == end or (bool(self._ends) and self._ends[0] == last)
        payload = bytes(self._buffer[start : start + size])
        return self._sent(
            Piece(self.nxt, payload, push=push, fin=self.is_ended and last == end), now_ns
        )

    def _sent(self, piece: Piece, now_ns: int) -> Piece:
        self.nxt = piece.position + len(piece.payload) + piece.fin
        if self.nxt > self.top:
            if self._timed is None and piece.position >= self.top:
                self._timed = (self.nxt, now_ns)
            self.top = self.nxt
        return piece

    def open(self, now_ns: int, *, measured_from_ns: int | None) -> None:
        """The SYN is acknowledged; `measured_from_ns` is when it left, None when it left twice."""
        self.una = 1
        if measured_from_ns is not None:
            self._measure(now_ns - measured_from_ns)

    def acknowledge(self, position: int, *, is_pure: bool, window: int, now_ns: int) -> bool:
        """Take an acknowledgement; True when the oldest segment has to leave again at once.

        Args:
            position: everything before it has arrived.
            is_pure: it came without data, SYN and FIN: only then a repetition counts as a duplicate.
            window: what the peer allows from there.
            now_ns: the time.
        """
        if position < self.una:
            return False  # Overtaken by a newer one.
        was = self.window
        self.window = window
        if position > self.una:
            return self._progress(position, now_ns)
        if is_pure and window == was and self.is_under_way:
            self._duplicates += 1
            if self._duplicates == _DUPLICATES and position >= self._recover:
                self._recover = self.top
                self._back_off()
                self._congestion = self._threshold
                self._timed = None
                return True
        return False

    def _progress(self, position: int, now_ns: int) -> bool:
        gone = min(position, self.end) - self._base
        if gone > 0:
            del self._buffer[:gone]
            self._base += gone
        grown = position - self.una
        self.una = position
        self.nxt = max(self.nxt, position)
        if self._timed is not None and position >= self._timed[0]:
            self._measure(now_ns - self._timed[1])
            self._timed = None
        is_recovering = self._duplicates >= _DUPLICATES
        if is_recovering and position < self._recover:
            # A partial acknowledgement: the next hole is lost too (RFC 6582 section 3.2).
            return True
        self._duplicates = 0
        if self._congestion < self._threshold:
            self._congestion += min(grown, self.mss)
        else:
            self._congestion += max(1, self.mss * self.mss // self._congestion)
        return False

    def repeat_oldest(self) -> Piece | None:
        """The oldest segment that is not acknowledged, once more; None: that is the SYN, or nothing."""
        start = self.una - self._base
        if start < 0 or self.una >= self.top:
            return None
        sent = self.top - self._base - (1 if self.top > self.end else 0)
        payload = bytes(self._buffer[start : min(start + self.mss, sent)])
        last = self.una + len(payload)
        fin = self.is_ended and last == self.end and self.top > self.end
        return Piece(self.una, payload, push=last == self.end and bool(payload), fin=fin)

    def time_out(self) -> None:
        """Nothing came back in time: everything under way counts as lost, and leaves again."""
        if self.rto_ns < _RTO_MAX_NS:
            self.rto_ns = min(2 * self.rto_ns, _RTO_MAX_NS)
        self._back_off()
        self._congestion = self.mss
        self._duplicates = 0
        self._recover = self.top
        self._timed = None
        self.nxt = self.una

    def _back_off(self) -> None:
        self._threshold = max((self.nxt - self.una) // 2, 2 * self.mss)

    def _measure(self, sample_ns: int) -> None:
        """One round trip (RFC 6298 section 2)."""
        if self._smoothed_ns == 0:
            self._smoothed_ns, self._variance_ns = sample_ns, sample_ns // 2
        else:
            difference = abs(self._smoothed_ns - sample_ns)
            self._variance_ns = (3 * self._variance_ns + difference) // 4
            self._smoothed_ns = (7 * self._smoothed_ns + sample_ns) // 8
        self.rto_ns = self._smoothed_ns + max(4 * self._variance_ns, _RTO_MIN_NS)
