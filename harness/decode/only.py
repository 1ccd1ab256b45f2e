"""Only: which connections are wanted, told from the ends of any of their packets."""

from __future__ import annotations

from dataclasses import dataclass

from harness.decode.frame import Segment
from harness.net.address import Address

MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
"""Odd numbers that spread the two ends over 64 bits."""
MIX_SHIFT = 32
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """Connections with one of the ports and one of the addresses (empty: any), and of those one share."""

    ports: frozenset[int] = frozenset()
    addresses: frozenset[Address] = frozenset()
    share: int = 0
    """0-based."""
    share_count: int = 1
    """So many shares there are; each connection is in one, with all its packets."""

    def accepts(self, segment: Segment) -> bool:
        """Whether a packet belongs to a wanted connection."""
        flow = segment.flow
        if self.ports and flow.src_port not in self.ports and flow.dst_port not in self.ports:
            return False
        if self.addresses and flow.src not in self.addresses and flow.dst not in self.addresses:
            return False
        return self.share_count == 1 or self._find_share(segment) == self.share

    def _find_share(self, segment: Segment) -> int:
        low, high = sorted((segment.source, segment.destination))
        mixed = int.from_bytes(low, "big") * MIX[0] ^ int.from_bytes(high, "big") * MIX[1]
        return ((mixed & _MASK) >> MIX_SHIFT) % self.share_count


ALL = Only()
