"""Source: the bytes of a capture file, uncompressed, looked at before they are taken."""

from __future__ import annotations

import zlib
from typing import BinaryIO

GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20
_GZIP = 31
"""zlib's word for "with a gzip header and trailer"."""


class Source:
    """A stream with an offset and a look ahead; gzip is known by its magic. Nothing here raises on bad bytes."""

    __slots__ = (
        "_buffer",
        "_ended",
        "_packed",
        "_position",
        "_stream",
        "_unzip",
        "offset",
        "problem",
    )

    def __init__(self, stream: BinaryIO) -> None:
        """Begin at the stream's present position."""
        self._stream = stream
        self._buffer = bytearray()
        self._position = 0
        self._ended = False
        self._packed = b""
        self.offset = 0
        """Bytes taken so far."""
        self.problem: str | None = None
        """Why the compressed data ended early."""
        first = stream.read(_CHUNK) or b""
        self._unzip = zlib.decompressobj(_GZIP) if first.startswith(GZIP_MAGIC) else None
        if self._unzip is None:
            self._buffer += first
        else:
            self._packed = first

    def _read_more(self) -> None:
        data = self._packed or self._stream.read(_CHUNK) or b""
        self._packed = b""
        if not data:
            self._ended = True
            if self._unzip is not None and not self._unzip.eof:
                self.problem = "the gzip data is cut"
        elif self._unzip is None:
            self._buffer += data
        else:
            self._unpack(data)

    def _unpack(self, data: bytes) -> None:
        assert self._unzip is not None
        if self._unzip.eof:
            if not data.startswith(GZIP_MAGIC[:1]):
                self._ended = True  # Zeros after the last member, as tapes leave them.
                return
            self._unzip = zlib.decompressobj(_GZIP)
        try:
            # The limit keeps a small file from becoming a large buffer.
            self._buffer += self._unzip.decompress(data, _CHUNK)
        except zlib.error as error:
            self.problem = f"the gzip data is damaged: {error}"
            self._ended = True
            return
        self._packed = self._unzip.unused_data if self._unzip.eof else self._unzip.unconsumed_tail

    def has(self, size: int) -> bool:
        """Whether at least `size` more bytes can be taken."""
        if len(self._buffer) - self._position < size and not self._ended:
            del self._buffer[: self._position]
            self._position = 0
            while not self._ended and len(self._buffer) < size:
                self._read_more()
        return len(self._buffer) - self._position >= size

    def look(self, size: int, *, skip: int = 0) -> bytes:
        """The next `size` bytes after `skip` bytes, without taking them; fewer at the end of the file."""
        end = self._position + skip + size
        if end > len(self._buffer):
            self.has(skip + size)
            end = self._position + skip + size
        return bytes(self._buffer[end - size : end])

    def skip(self, size: int) -> None:
        """Take bytes that were looked at."""
        self._position += size
        self.offset += size

    def take(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end of the file."""
        data = self.look(size)
        self.skip(len(data))
        return data
