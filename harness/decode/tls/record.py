"""TLS records of one direction: cut from the stream, and found again after a hole.

In step, each record begins where the one before ended. After a hole whose end lies inside a record of known length the
rest of that record is passed over. After any other hole the next place is taken where a record header stands and, after
the length it gives, another one (or nothing yet).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.decode.tls.bytes import SeenBytes, join_seen
from harness.trace.tls import Seen

HEADER_SIZE = 5
FRAGMENT_LIMIT = (1 << 14) + 2048
"""RFC 5246 section 6.2.3: the longest protected fragment (RFC 8446 allows less)."""

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT = 20, 21, 22, 23, 24

_HEADER = re.compile(rb"[\x14-\x18]\x03[\x00-\x04]", re.DOTALL)
_UNKNOWN_SIZE = 1 << 14
"""What a hole of unknown size is taken for, to limit how many records may be missing."""
_SMALLEST_RECORD = HEADER_SIZE + 17
"""A TLS 1.3 record with an empty fragment, its type and a tag: how many records at most fit into a hole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record, or the start of one that a hole or the end cut short."""

    header: bytes
    fragment: bytes
    spans: tuple[tuple[int, Seen], ...]
    """Sizes and origins of the pieces, header included."""
    whole: bool = True
    lost_limit: int = 0
    """At most so many records may be missing just before it."""

    @property
    def body_spans(self) -> tuple[tuple[int, Seen], ...]:
        """Sizes and origins of the pieces of the fragment."""
        spans = list(self.spans)
        rest = HEADER_SIZE
        while rest:
            size, seen = spans.pop(0)
            if size > rest:
                spans.insert(0, (size - rest, seen))
            rest -= min(size, rest)
        return tuple(spans)

    @property
    def content_type(self) -> int:
        """RFC 8446 section 5.1."""
        return self.header[0]

    @property
    def seen(self) -> Seen:
        """All packets that carried a byte of it."""
        return join_seen(self.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRecord:
    """Bytes at a place where a record had to begin."""

    message: str
    seen: Seen


class RecordReader:
    """Cuts one direction into records: `feed` and `gap`, then `take` until it gives None."""

    __slots__ = ("_buffer", "_in_step", "_lost_limit", "_skip")

    def __init__(self) -> None:
        """Start in step, with nothing."""
        self._buffer = SeenBytes()
        self._in_step = True
        self._skip = 0
        self._lost_limit = 0

    @property
    def is_between(self) -> bool:
        """In step and at the end of a record."""
        return self._in_step and not self._skip and not self._lost_limit and not len(self._buffer)

    @property
    def missing(self) -> int:
        """Bytes that complete the record, or its header, that has begun; 0: not in step."""
        data = self._buffer.data
        if not self._in_step or self._skip:
            return 0
        if len(data) < HEADER_SIZE:
            return HEADER_SIZE - len(data)
        return max(HEADER_SIZE + _fragment_size(data) - len(data), 0)

    def feed(self, data: bytes, seen: Seen) -> None:
        """Add the next bytes of the stream."""
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        self._buffer.append(data, seen)

    def gap(self, size: int) -> Record | None:
        """Note that the next `size` bytes are missing; gives the start of the record that the hole cut, if any.

        A size of 0 says that it is not known how many are: then nothing can be skipped by counting.
        """
        if size <= 0:
            partial = self.take_rest()
            self._skip = 0
            self._leave(_UNKNOWN_SIZE)
            return partial
        if self._skip:
            self._leave(size - self._skip)
            return None
        if not self._in_step:
            self._buffer.clear()
            self._lost_limit += size // _SMALLEST_RECORD + 1
            return None
        partial = self.take_rest()
        if partial is None:
            self._leave(size)
            return None
        self._skip = _fragment_size(partial.header) - len(partial.fragment)
        self._lost_limit += 1
        self._leave(size - self._skip)
        return partial

    def take(self) -> Record | NotRecord | None:
        """The next record; NotRecord once where step was lost; None where more bytes are needed."""
        if not self._in_step and not self._find():
            return None
        data = self._buffer.data
        if len(data) < HEADER_SIZE:
            return None
        size = (data[3] << 8) | data[4]
        if len(data) < HEADER_SIZE + size and size <= FRAGMENT_LIMIT and _HEADER.match(data):
            return None
        if size > FRAGMENT_LIMIT or not _HEADER.match(data):
            return self._lose_step()
        record, spans = self._buffer.take(HEADER_SIZE + size)
        lost_limit, self._lost_limit = self._lost_limit, 0
        return Record(
            header=record[:HEADER_SIZE],
            fragment=record[HEADER_SIZE:],
            spans=spans,
            lost_limit=lost_limit,
        )

    def take_rest(self) -> Record | None:
        """The start of a record that will not be completed, where its header is known."""
        data = self._buffer.data
        if not self._in_step or len(data) < HEADER_SIZE or not _HEADER.match(data):
            self._buffer.clear()
            return None
        rest, spans = self._buffer.take(len(data))
        return Record(
            header=rest[:HEADER_SIZE], fragment=rest[HEADER_SIZE:], spans=spans, whole=False
        )

    def _leave(self, size: int) -> None:
        """A hole goes `size` bytes beyond what is skipped; 0 or less: it ends inside."""
        if size <= 0:
            # The hole ends inside the record whose rest is passed over.
            self._skip = -size
            return
        self._skip = 0
        self._in_step = False
        self._buffer.clear()
        self._lost_limit += size // _SMALLEST_RECORD + 1

    def _lose_step(self) -> NotRecord:
        data, spans = self._buffer.take(HEADER_SIZE)
        self._in_step = False
        # Nobody knows how many records the strange bytes are: look a little ahead only.
        self._lost_limit += 4
        return NotRecord(message=f"not a TLS record: {data.hex(' ')}", seen=join_seen(spans))

    def _find(self) -> bool:
        """Drop bytes up to a place that looks like a record; False: no such place yet."""
        data = self._buffer.data
        position = 0
        while match := _HEADER.search(data, position):
            position = match.start()
            if position + HEADER_SIZE > len(data):
                break
            end = position + HEADER_SIZE + _fragment_size(data[position : position + HEADER_SIZE])
            if 0 < end - position - HEADER_SIZE <= FRAGMENT_LIMIT:
                if end > len(data):
                    break
                if (
                    end == len(data)
                    or _HEADER.match(data[end : end + 3])
                    or _is_header_start(data[end : end + 3])
                ):
                    self._buffer.take(position)
                    self._in_step = True
                    return True
            position += 1
        else:
            # A header may begin in the last two bytes.
            position = max(position, len(data) - 2)
        self._buffer.take(min(position, len(data)))
        return False


def _fragment_size(header: bytes | bytearray) -> int:
    return (header[3] << 8) | header[4]


def _is_header_start(data: bytes | bytearray) -> bool:
    """Less than three bytes that a header may begin with."""
    return len(data) < 3 and 0x14 <= data[0] <= 0x18 and (len(data) < 2 or data[1] == 3)
