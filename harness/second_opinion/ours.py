"""What we read, as the second opinion goes through it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.trace.connection import Connection
from harness.trace.packet import Packet, PacketNumber
from harness.trace.trace import Trace


class Ours(Protocol):
    """What we read, in bounded memory: it is gone through as often as somebody asks."""

    def read(self) -> Iterator[Connection]:
        """All connections, each when it ends."""

    def find_packets(self, numbers: frozenset[PacketNumber]) -> Sequence[Packet]:
        """Packets of these numbers, as far as there are any."""

    @property
    def packet_count(self) -> int:
        """Packets of the file; known when all was read."""

    @property
    def is_damaged(self) -> bool:
        """Reading ended at a damaged place."""

    @property
    def late_count(self) -> int:
        """Packets that were passed over, since they came after the end of their connection."""


@dataclass(frozen=True, slots=True)
class OfTrace:
    """A trace as what we read."""

    trace: Trace

    def read(self) -> Iterator[Connection]:
        """See Ours."""
        return iter(self.trace.connections)

    def find_packets(self, numbers: frozenset[PacketNumber]) -> Sequence[Packet]:
        """See Ours."""
        return [self.trace.packet(n) for n in sorted(numbers) if 0 < n <= len(self.trace.packets)]

    @property
    def packet_count(self) -> int:
        """See Ours."""
        return len(self.trace.packets)

    @property
    def is_damaged(self) -> bool:
        """See Ours."""
        return bool(self.trace.damage)

    @property
    def late_count(self) -> int:
        """See Ours."""
        return 0
