"""One violation, with the packets that show it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.net.address import Endpoint
from harness.trace.packet import PacketNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A promise that broke: who, where, and the packets. Cannot be built without evidence."""

    message: str
    """One sentence with host names, addresses and ports and the value that is wrong; no times, no paths."""
    packets: tuple[PacketNumber, ...]
    """Ascending, without repetition; the fewest that show it (at most 50)."""
    endpoints: tuple[Endpoint, ...]
    """Everyone involved: the canary is told from the real thing by them."""

    def __post_init__(self) -> None:
        """Refuse a claim without evidence."""
        if not self.packets:
            raise ValueError(f"finding without packets: {self.message}")
        if not self.endpoints:
            raise ValueError(f"finding without endpoints: {self.message}")
