"""Progress: a file that says on stderr how much of it was read, now and then, where that takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from io import RawIOBase
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, Final, TextIO, cast

PAUSE_NS: Final = 10_000_000_000
"""Between two lines, and before the first."""


def watch(stream: BinaryIO, file: Path, *, from_size: int) -> BinaryIO:
    """An open file, watched where it has at least so many bytes."""
    size = file.stat().st_size
    return stream if size < from_size else cast(BinaryIO, Watched(stream, str(file), size=size))


def open_spool(name: str) -> IO[bytes]:
    """A temporary file without a name; what it is called instead, where it says how much of it was read again.

    Raises:
        OSError: there is no folder that takes it.
    """
    return cast(IO[bytes], Watched(TemporaryFile(), name, size=0))


class Watched(RawIOBase):
    """A binary file as it is; a large one is read several times, and each time has a number."""

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        *,
        size: int,
        out: TextIO | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Watch a stream of so many bytes, and of those that are written; lines go to `out` (stderr)."""
        super().__init__()
        self._stream = stream
        self._name = name
        self._size = size
        self._out = out
        self._clock = clock
        self._said_ns = clock()
        self._time = 1
        self._read = 0
        """Bytes since the beginning was left."""

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """As the file is."""
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move; going back to the beginning begins another reading."""
        place = self._stream.seek(offset, whence)
        if place == 0:
            self._time += self._read > self._size // 2
            self._read = 0
        return place

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        self._say(len(data))
        return data

    def readinto(self, buffer: object) -> int:
        """The same, into a place that is there."""
        count: int = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        self._say(count)
        return count

    def write(self, data: Any) -> int:
        """Put bytes at the present position, which is the end."""
        count = self._stream.write(data)
        self._size += count
        return count

    def flush(self) -> None:
        """Hand over what was written."""
        if not self._stream.closed:
            self._stream.flush()

    def close(self) -> None:
        """Also the file itself."""
        self._stream.close()
        super().close()

    def _say(self, count: int) -> None:
        self._read += count
        now = self._clock()
        if now - self._said_ns < PAUSE_NS:
            return
        self._said_ns = now
        share = 100 * self._stream.tell() // max(self._size, 1)
        which = f", reading {self._time}" if self._time > 1 else ""
        print(f"{self._name}: {share} % read{which}", file=self._out or sys.stderr, flush=True)
