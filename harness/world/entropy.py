"""Random bytes from a seed: the same seed gives the same bytes, everywhere and for ever."""

from __future__ import annotations

import hashlib

_BLOCK_BYTES = 1024


class Entropy:
    """A stream of bytes that looks random; not for secrets that matter."""

    def __init__(self, seed: bytes) -> None:
        """Begin the stream of `seed`."""
        self._seed = seed
        self._block = b""
        self._used = 0
        self._count = 0

    def take(self, size: int) -> bytes:
        """The next bytes of the stream."""
        while len(self._block) - self._used < size:
            self._count += 1
            head = self._seed + self._count.to_bytes(8, "big")
            self._block = self._block[self._used :] + hashlib.shake_256(head).digest(_BLOCK_BYTES)
            self._used = 0
        piece = self._block[self._used : self._used + size]
        self._used += size
        return piece

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1; even for limits far below 2^64."""
        return int.from_bytes(self.take(8), "big") % limit

    def chance(self) -> float:
        """A number from 0 to 1, 1 excluded."""
        return int.from_bytes(self.take(7), "big") / (1 << 56)

    def child(self, name: str) -> Entropy:
        """Another stream, that only the seed and the name decide: who takes more changes nobody else's."""
        label = name.encode("utf-8")
        return Entropy(hashlib.sha256(self._seed + b"\0" + label).digest())
