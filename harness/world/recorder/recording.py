"""What a recorder hands over when it has stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Frame(NamedTuple):
    """One captured frame; a large run has hundreds of thousands."""

    tap: int
    """0-based index into the recording's taps."""
    time_ns: int
    """Kernel time stamp, nanoseconds since the epoch."""
    size: int
    """Bytes on the wire."""
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TapCount:
    """The kernel's own counters of one tap."""

    name: str
    received: int
    """Drops included."""
    dropped: int
    freezes: int
    written: int
    """Frames handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """All frames of all taps, in order of time (stable within one tap)."""

    taps: tuple[TapCount, ...]
    frames: tuple[Frame, ...]
    limit_reached: bool = False
    """The recorder's limit was reached and later frames were counted but not kept: written < received."""
