"""Bytes that remember which packets brought them."""

from __future__ import annotations

from collections import deque

from harness.trace.tls import Seen


class SeenBytes:
    """A queue of bytes: added in pieces, taken in other pieces, each with the packets that carried it."""

    __slots__ = ("_data", "_spans")

    def __init__(self) -> None:
        """Make an empty queue."""
        self._data = bytearray()
        self._spans: deque[tuple[int, Seen]] = deque()

    def __len__(self) -> int:
        """Bytes that are waiting."""
        return len(self._data)

    @property
    def data(self) -> bytearray:
        """What is waiting; not to be changed."""
        return self._data

    def append(self, data: bytes, seen: Seen) -> None:
        """Add bytes that came with `seen`."""
        if data:
            self._data += data
            self._spans.append((len(data), seen))

    def take(self, size: int) -> tuple[bytes, tuple[tuple[int, Seen], ...]]:
        """Remove the first `size` bytes: they and the sizes and origins of their pieces.

        Raises:
            ValueError: There are fewer.
        """
        if size > len(self._data):
            raise ValueError(f"take {size} of {len(self._data)} bytes")
        data = bytes(self._data[:size])
        del self._data[:size]
        spans = []
        while size:
            held, seen = self._spans.popleft()
            if held > size:
                self._spans.appendleft((held - size, seen))
                held = size
            spans.append((held, seen))
            size -= held
        return data, tuple(spans)

    def clear(self) -> None:
        """Forget everything."""
        self._data.clear()
        self._spans.clear()


def join_seen(spans: tuple[tuple[int, Seen], ...]) -> Seen:
    """One Seen over all pieces: the last time, and every packet once, ascending.

    Raises:
        ValueError: There is no piece.
    """
    if not spans:
        raise ValueError("no bytes: they were seen nowhere")
    if len(spans) == 1:
        return spans[0][1]
    numbers = {number for _, seen in spans for number in seen.packets}
    return Seen(time_ns=max(seen.time_ns for _, seen in spans), packets=tuple(sorted(numbers)))
