"""A piece of decrypted application data."""

from __future__ import annotations

from dataclasses import dataclass

from harness.trace.tls import Seen, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Plaintext:
    """What one record carried, in the order it was sent by its side."""

    side: Side
    data: bytes
    """May be empty when `follows_gap` is True: then it only marks the place."""
    seen: Seen
    """The packets of the record."""
    follows_gap: bool = False
    """Plaintext of this side before `data` is missing; how many bytes is not known. Nothing may be joined across it."""
