"""Choices: bytes read as decisions, so that one engine drives targets that know the structure of their input.

Used up, every decision is its first possibility: the empty input is the plainest case of a target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Decisions out of one input, from its beginning to its end."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        """Begin with the first byte."""
        self._data = data
        self._position = 0

    def __len__(self) -> int:
        """Bytes that are left."""
        return len(self._data) - self._position

    def byte(self) -> int:
        """0 to 255."""
        return self.number(1)

    def number(self, size: int) -> int:
        """A number of `size` bytes, big-endian."""
        return int.from_bytes(self.take(size).ljust(size, b"\0"), "big")

    def below(self, limit: int) -> int:
        """0 to `limit` - 1."""
        if limit <= 1:
            return 0
        return self.number(1 if limit <= 256 else 2 if limit <= 65536 else 4) % limit

    def flag(self) -> bool:
        """False where nothing is left."""
        return bool(self.byte() & 1)

    def rarely(self) -> bool:
        """True in one of sixteen cases."""
        return self.byte() & 0xF == 0xF

    def pick(self, items: Sequence[T]) -> T:
        """One of several."""
        return items[self.below(len(items))]

    def take(self, size: int) -> bytes:
        """The next bytes as they are; fewer at the end."""
        data = self._data[self._position : self._position + size]
        self._position += len(data)
        return data

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self))
