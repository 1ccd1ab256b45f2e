"""Seen: where in the capture something was, and which side sent it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.trace.packet import PacketNumber

Side = Literal["client", "server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message that was seen, and where."""

    time_ns: int
    """Time of the packet that completed it."""
    packets: tuple[PacketNumber, ...]
    """All packets that carried a byte of it."""
