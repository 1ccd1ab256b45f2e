"""Turn: texts that come in any order, given out by their numbers; what has to wait longer goes to a file."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import BinaryIO, Final

MAX_WAITING: Final = 16 << 20
"""Characters that wait in memory; one connection that stays open must not hold back all others there."""


class Turn:
    """Texts numbered 1, 2, ...; each number comes once, and is given when all before it were."""

    def __init__(self, spool: BinaryIO, *, limit: int = MAX_WAITING) -> None:
        """Take a file for what does not fit `limit` characters."""
        self._spool = spool
        self._limit = limit
        self._next = 1
        self._waiting: dict[int, str] = {}
        self._size = 0
        self._places = array("q")
        """Offset and size of each text in the file, from number `_base` on; size -1: not there."""
        self._base = 1

    def put(self, number: int, text: str) -> Iterator[str]:
        """Take in one text, and give all whose turn it is."""
        if number == self._next:
            self._next += 1
            yield text
        elif self._size + len(text) > self._limit:
            self._write(number, text)
        else:
            self._waiting[number] = text
            self._size += len(text)
        while (ready := self._take(self._next)) is not None:
            self._next += 1
            yield ready

    def _take(self, number: int) -> str | None:
        text = self._waiting.pop(number, None)
        if text is not None:
            self._size -= len(text)
            return text
        at = 2 * (number - self._base)
        if not 0 <= at < len(self._places) or self._places[at + 1] < 0:
            return None
        offset, size = self._places[at], self._places[at + 1]
        self._spool.seek(offset)
        data = self._spool.read(size)
        if at + 2 == len(self._places):
            # Nothing waits in the file any more: it is used again from its start.
            self._spool.seek(0)
            self._spool.truncate()
            self._places = array("q")
        return data.decode()

    def _write(self, number: int, text: str) -> None:
        if not self._places:
            self._base = self._next
        at = 2 * (number - self._base)
        missing = at + 2 - len(self._places)
        if missing > 0:
            self._places.extend((0, -1) * (missing // 2))
        data = text.encode()
        self._places[at] = self._spool.seek(0, 2)
        self._places[at + 1] = len(data)
        self._spool.write(data)
