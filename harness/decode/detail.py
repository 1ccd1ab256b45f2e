"""Detail: how much is worked out about each connection; less is faster, and takes less memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["connections", "handshakes", "exchanges"]
"""How far a connection is followed: its packets; its TLS handshake as well; and its HTTP exchanges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What is wanted; as it stands, everything."""

    level: Level = "exchanges"
    hashes: bool = True
    """SHA-256 of streams, plaintexts and bodies; without them `malformed` and all else is as with them."""
    stream_hashes: bool = True
    """Those of streams and plaintexts as well: no check asks for them."""
    body_limit: int = 64 << 10
    """Bytes of each HTTP body that are kept."""
    is_brief: bool = False
    """No more is wanted than a Brief holds."""

    @property
    def hashes_streams(self) -> bool:
        """Whether SHA-256 of streams and plaintexts is worked out."""
        return self.hashes and self.stream_hashes


EVERYTHING = Detail()
