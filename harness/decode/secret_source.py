"""SecretSource: how the secrets of a capture are come by, wherever they stand in the file.

A small file is searched first. A large one is read once more only where a connection finds none of its secrets, since
most writers put them before the packets; where they are very many, each has to stand there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from harness.capture import block as blocks
from harness.capture.keylog import Secrets
from harness.capture.pcapng import read_keys

if TYPE_CHECKING:
    from harness.decode.tls.rsa import RsaKeys

SECRETS_LIMIT = 64 << 20
"""Bytes of key log in the file that are read ahead; if there are more, each must stand before its packets."""
MAX_SECRETS = 1 << 15
"""Client randoms of which the secrets are kept then."""
_WINDOW = 4 << 20
"""Bytes that are searched together: they should stay near the processor."""


class SecretSource:
    """Fills one store."""

    def __init__(
        self,
        *,
        key_log: bytes,
        rsa_keys: RsaKeys | None,
        size_limit: int = SECRETS_LIMIT,
        kept: int = MAX_SECRETS,
    ) -> None:
        """Take what is known beside the file, and the limits."""
        self._size_limit = size_limit
        self._kept = kept
        self.secrets = Secrets()
        self.takes_keys = False
        """Secrets are taken where they stand."""
        self._key_log = key_log
        self._has_keys = rsa_keys is not None
        self._size = 0
        """Bytes that were taken where they stand."""
        if rsa_keys is not None:
            self.secrets.use_private_keys(rsa_keys.open)

    def search(self, stream: BinaryIO, window: int, *, is_late: bool) -> None:
        """Take the secrets of the file, which stays at its place; `is_late`: only when some are missing."""
        start = stream.tell()
        if is_late and not self._key_log and not self._has_keys:
            self.takes_keys = True
            self.secrets.use_later(lambda: self._search(stream, start, window))
            return
        self._search(stream, start, window)
        # Where both say something, the file is right.
        self.secrets.add(self._key_log)

    def take(self, data: bytes) -> None:
        """Secrets where they stand."""
        self._size += len(data)
        if self._size > self._size_limit:
            self.secrets.limit(self._kept)
        self.secrets.add(data)

    def _search(self, stream: BinaryIO, start: int, window: int) -> None:
        here = stream.tell()
        found: list[bytes] = []
        size = 0
        stream.seek(start)
        for keys in _find_keys(stream, window):
            if keys.kind == blocks.TLS_KEY_LOG:
                found.append(keys.data)
                size += len(keys.data)
                if size > self._size_limit:
                    break
        stream.seek(here)
        self.takes_keys = size > self._size_limit
        if self.takes_keys:
            self.secrets.limit(self._kept)
            return
        for data in found:
            self.secrets.add(data)


def _find_keys(stream: BinaryIO, window: int) -> Iterator[blocks.Keys]:
    if not window:
        yield from read_keys(stream)
        return
    # Not above: loading numpy takes longer than reading a small file.
    from harness.decode.packet.table import read_tables

    for item in read_tables(stream, window=min(window, _WINDOW), builds=False, past_damage=True):
        if isinstance(item, blocks.Keys):
            yield item
