"""Source: the bytes of a capture file, uncompressed, looked at before they are taken."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import BinaryIO

GZIP_MAGIC = b"\x1f\x8b"
MARGIN = 128
"""Bytes behind a window, so that a header is read in one go wherever it begins."""
_CHUNK = 1 << 20
_GZIP = 31
"""zlib's word for "with a gzip header and trailer"."""


def _reserve(size: int) -> memoryview:
    return memoryview(bytearray(size))


class Source:
    """A stream with an offset and a look ahead; gzip is known by its magic. Nothing here raises on bad bytes."""

    __slots__ = (
        "_buffer",
        "_end",
        "_ended",
        "_memory",
        "_packed",
        "_packed_end",
        "_position",
        "_reserve",
        "_stream",
        "_unzip",
        "offset",
        "problem",
    )

    def __init__(
        self, stream: BinaryIO, *, reserve: Callable[[int], memoryview] = _reserve
    ) -> None:
        """Begin at the stream's present position; so many bytes of memory are reserved by a call."""
        self._stream = stream
        self._reserve = reserve
        self._memory = reserve(2 * _CHUNK + MARGIN)
        self._buffer = self._memory[:-MARGIN]
        self._position = 0
        self._end = 0
        self._ended = False
        self._packed = b""
        self._packed_end = 0
        """Compressed bytes that were read so far."""
        self.offset = 0
        """Bytes taken so far."""
        self.problem: str | None = None
        """Why the compressed data ended early."""
        first = stream.read(_CHUNK) or b""
        self._unzip = zlib.decompressobj(_GZIP) if first.startswith(GZIP_MAGIC) else None
        if self._unzip is None:
            self._append(first)
        else:
            self._packed = first
            self._packed_end = len(first)

    def _append(self, data: bytes) -> None:
        end = self._end + len(data)
        self._buffer[self._end : end] = data
        self._end = end

    def _make_room(self, size: int) -> None:
        """Move what is left to the front, of a larger buffer where that many bytes and a chunk do not fit this one."""
        rest = self._end - self._position
        if size + _CHUNK > len(self._buffer):
            larger = self._reserve(size + _CHUNK + MARGIN)
            larger[:rest] = self._buffer[self._position : self._end]
            self._memory, self._buffer = larger, larger[:-MARGIN]
        elif self._position:
            self._buffer[:rest] = self._buffer[self._position : self._end]
        self._position, self._end = 0, rest

    def _read_more(self) -> None:
        if self._unzip is None:
            with self._buffer[self._end :] as room:
                count = _read_into(self._stream, room)
            self._end += count
            self._ended = not count
            return
        data = self._packed
        self._packed = b""
        if not data:
            data = self._stream.read(_CHUNK) or b""
            self._packed_end += len(data)
        if not data:
            self._ended = True
            if not self._unzip.eof:
                self.problem = (
                    f"the gzip data ends early, at byte {self._packed_end} of the compressed file"
                )
        else:
            self._unpack(data)

    def _unpack(self, data: bytes) -> None:
        assert self._unzip is not None
        if self._unzip.eof:
            if not data.startswith(GZIP_MAGIC[:1]):
                self._ended = True  # Zeros after the last member, as tapes leave them.
                return
            self._unzip = zlib.decompressobj(_GZIP)
        before = self._unzip.copy()
        room = min(_CHUNK, len(self._buffer) - self._end)
        try:
            # The limit keeps a small file from becoming a large buffer.
            self._append(self._unzip.decompress(data, room))
        except zlib.error as error:
            whole, count = _unpack_until_damage(before, data)
            self._append(whole[:room])
            place = self._packed_end - len(data) + count
            self.problem = (
                f"the gzip data is damaged before byte {place} of the compressed file: {error}"
            )
            self._ended = True
            return
        self._packed = self._unzip.unused_data if self._unzip.eof else self._unzip.unconsumed_tail

    def has(self, size: int) -> bool:
        """Whether at least `size` more bytes can be taken."""
        if self._end - self._position < size and not self._ended:
            self._make_room(min(size, len(self._buffer) - _CHUNK))
            while not self._ended and self._end < size:
                # A damaged length may be any number: the buffer grows with the bytes that there are, not with it.
                if self._end + _CHUNK > len(self._buffer):
                    self._make_room(min(size, 2 * self._end))
                self._read_more()
        return self._end - self._position >= size

    def window(self, size: int) -> memoryview:
        """At least the next `size` bytes, fewer at the end of the file, and MARGIN bytes that mean nothing.

        They are good until the next call of anything here.
        """
        if self._end - self._position < size and not self._ended:
            # This length is ours, not the file's: there is no need to grow with the bytes that come.
            self._make_room(size)
        self.has(size)
        return self._memory[self._position : self._end + MARGIN]

    def look(self, size: int, *, skip: int = 0) -> bytes:
        """The next `size` bytes after `skip` bytes, without taking them; fewer at the end of the file."""
        end = self._position + skip + size
        if end > self._end:
            self.has(skip + size)
            end = min(self._position + skip + size, self._end)
        return bytes(self._buffer[max(self._position + skip, 0) : end])

    def skip(self, size: int) -> None:
        """Take bytes that were looked at."""
        self._position += size
        self.offset += size

    def take(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end of the file."""
        data = self.look(size)
        self.skip(len(data))
        return data

    def tell_end(self, place: str) -> str:
        """Why there is no more, where the contents break off at a place (`inside a block`)."""
        if self.problem is None:
            return f"the file ends {place}"
        return f"{self.problem}; its contents end {place}"

    def drop_told(self, message: str) -> None:
        """Forget the reason for the end where a message names it: one break is told once."""
        if self.problem is not None and self.problem in message:
            self.problem = None

    def end(self) -> None:
        """Give nothing more, and do not say what would come."""
        self._position = self._end
        self._ended = True
        self.problem = None


def _read_into(stream: BinaryIO, room: memoryview) -> int:
    """How many bytes were read; 0 at the end."""
    read_into = getattr(stream, "readinto", None)
    if read_into is not None:
        return read_into(room) or 0
    data = stream.read(len(room)) or b""
    room[: len(data)] = data
    return len(data)


def _unpack_until_damage(unzip: zlib._Decompress, data: bytes) -> tuple[bytes, int]:
    """What was packed before the damage, and in how many bytes: zlib gives nothing of the call in which it finds it."""
    parts: list[bytes] = []
    for index in range(len(data)):
        try:
            parts.append(unzip.decompress(data[index : index + 1]))
        except zlib.error:
            return b"".join(parts), index + 1
    return b"".join(parts), len(data)
