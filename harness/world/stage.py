"""The stage: a wire with the recorder on it, whichever kind of wire that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.net.address import Address, Endpoint
from harness.world.host import Host
from harness.world.recorder.recording import Recording


class Stage(Protocol):
    """Machines to act on, and a recording of all that they send."""

    @property
    def mode(self) -> str:
        """How the wire is made, as every report names it."""
        ...

    @property
    def platform(self) -> str:
        """What carries the packets, for the section header of the capture."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Of what only this kind of wire uses."""
        ...

    @property
    def taps(self) -> tuple[str, ...]:
        """Their names."""
        ...

    def host(self, name: str, address: Address | None = None) -> Host:
        """The machine of this name; with `address`, seen from this one of its addresses."""
        ...

    def find_outside(self, end: Endpoint) -> Endpoint | None:
        """What a tap saw instead of this end of a connection; None: the end itself."""
        ...

    def inject(self, tap: str, frame: bytes) -> None:
        """Let one tap see a frame, once."""
        ...

    async def settle(self) -> None:
        """Wait for what is still under way, as far as this wire can tell."""
        ...

    async def finish(self) -> Recording:
        """End the recording."""
        ...

    async def close(self) -> None:
        """Take the wire down."""
        ...
