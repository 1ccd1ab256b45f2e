"""Only: which connections are wanted, told from the ends of any of their packets."""

from __future__ import annotations

from dataclasses import dataclass

from harness.decode.packet.frame import TCP, Segment
from harness.net.address import Address, Endpoint
from harness.trace.packet import Flow

MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
"""Odd numbers that spread the two ends over 64 bits."""
MIX_SHIFT = 32
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """Connections with one of the ports and one of the addresses (empty: any) or one of the endpoints; one share."""

    ports: frozenset[int] = frozenset()
    addresses: frozenset[Address] = frozenset()
    endpoints: frozenset[Endpoint] = frozenset()
    """Wanted as well, whatever the ports and addresses."""
    share: int = 0
    """0-based."""
    share_count: int = 1
    """So many shares there are; each connection is in one, with all its packets."""

    def accepts(self, segment: Segment) -> bool:
        """Whether a packet belongs to a wanted connection."""
        if not self.accepts_flow(segment.flow):
            return False
        return self.share_count == 1 or self._find_share(segment) == self.share

    def accepts_flow(self, flow: Flow) -> bool:
        """The same, shares left aside."""
        if self.endpoints and not self.endpoints.isdisjoint((flow.source, flow.destination)):
            return True
        if self.ports and flow.src_port not in self.ports and flow.dst_port not in self.ports:
            return False
        return not (
            self.addresses and flow.src not in self.addresses and flow.dst not in self.addresses
        )

    def accepts_ends(self, client: Endpoint, server: Endpoint) -> bool:
        """The same for a connection."""
        tcp = Flow(
            src=client.address,
            dst=server.address,
            protocol=TCP,
            src_port=client.port,
            dst_port=server.port,
        )
        return self.accepts_flow(tcp)

    def _find_share(self, segment: Segment) -> int:
        low, high = sorted((segment.source, segment.destination))
        mixed = int.from_bytes(low, "big") * MIX[0] ^ int.from_bytes(high, "big") * MIX[1]
        return ((mixed & _MASK) >> MIX_SHIFT) % self.share_count


ALL = Only()
