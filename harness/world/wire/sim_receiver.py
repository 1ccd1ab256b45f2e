"""The receiving half of a simulated TCP connection: bytes in order, the window, and when to acknowledge.

Acknowledgements follow Linux: at once while the connection is new, with the answer once it has become a dialogue,
else every second full segment or after 40 ms.
"""

from __future__ import annotations

CAPACITY = 128 * 1024
"""Unread bytes that it holds; the window shrinks towards it."""
SCALE = 7
FIRST_WINDOW = 64240
"""On SYN, where the scale does not count yet."""
_QUICK_SEGMENTS = 16
DIALOGUE_NS = 40_000_000
"""Data sent so soon after data came is an answer; and so long an acknowledgement waits for one."""


class Receiver:
    """Bytes of the peer, until the application reads them. Positions count from 0 for its SYN."""

    def __init__(self, mss: int) -> None:
        """Args: `mss` is the most payload of one segment of the peer's."""
        self.nxt = 1
        """The next position expected."""
        self.fin: int | None = None
        """Position of the peer's FIN, once that has come; it may still lie behind a hole."""
        self.unread = bytearray()
        self._mss = mss
        self._later: dict[int, bytes] = {}
        """Segments behind a hole, by position."""
        self._edge = 1 + FIRST_WINDOW
        self._acknowledged = 1
        self._quick = _QUICK_SEGMENTS
        self._is_dialogue = False
        self._last_data_ns = -DIALOGUE_NS

    @property
    def is_ended(self) -> bool:
        """Everything of the peer's has come, FIN included."""
        return self.fin is not None and self.nxt > self.fin

    @property
    def window(self) -> int:
        """Bytes from `nxt` that the peer may send; whole steps of the scale, and no fewer than promised before."""
        free = CAPACITY - len(self.unread)
        if free < self._mss:
            free = 0
        # Rounding moves the edge back by less than a step (RFC 7323 section 2.4); what was promised is still taken.
        return max(free, self._edge - self.nxt) >> SCALE << SCALE

    def note_sent(self, window: int) -> None:
        """An acknowledgement of all so far has left, with this window."""
        self._edge = max(self._edge, self.nxt + window)
        self._acknowledged = self.nxt

    def note_data_sent(self, now_ns: int) -> None:
        """Data has left: soon after data came, it is an answer."""
        if now_ns - self._last_data_ns < DIALOGUE_NS:
            self._is_dialogue = True

    def accept(self, position: int, payload: bytes, now_ns: int) -> bool:
        """Take a segment's payload; True when it has to be acknowledged at once."""
        end = position + len(payload)
        if end <= self.nxt or position >= max(self._edge, self.nxt + 1):
            return True
        self._last_data_ns = now_ns
        if position > self.nxt:
            kept = self._later.get(position)
            if kept is None or len(kept) < len(payload):
                self._later[position] = payload
            return True
        had_hole = bool(self._later)
        self._append(payload[self.nxt - position :])
        while self._later:
            first = min(self._later)
            if first > self.nxt:
                break
            self._append(self._later.pop(first)[self.nxt - first :])
        if had_hole or self.nxt - self._acknowledged > self._mss:
            return True
        if self._is_dialogue or self._quick == 0:
            return False
        self._quick -= 1
        return True

    def _append(self, payload: bytes) -> None:
        self.unread += payload
        self.nxt += len(payload)

    def end(self, position: int) -> bool:
        """Take the peer's FIN; True when everything before it has come."""
        if self.fin is None:
            self.fin = position
        if self.nxt == self.fin:
            self.nxt += 1
            self._is_dialogue = True
            return True
        return False

    def read(self, limit: int) -> bytes:
        """Hand over what has come in order."""
        data = bytes(self.unread[:limit])
        del self.unread[:limit]
        return data

    def is_window_news(self) -> bool:
        """Whether the window has opened so far that the peer should hear of it at once."""
        promised = self._edge - self.nxt
        return 2 * promised <= CAPACITY and self.window >= max(2 * promised, self._mss)
