"""The kernel wire as a stage: network namespaces, and capture rings on their taps. Linux only."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Self

from harness.net.address import Address, Endpoint
from harness.world.recorder.recorder import Recorder
from harness.world.recorder.recording import Recording
from harness.world.wire.kernel import KernelWire
from harness.world.wire.kernel_host import KernelHost
from harness.world.wire.plan import Plan


class KernelStage:
    """See Stage."""

    def __init__(self, wire: KernelWire) -> None:
        """Record a wire, from now on.

        Raises:
            OSError: a capture ring cannot be opened.
        """
        self._wire = wire
        self._recorder = Recorder(wire.taps)
        self._recorder.start()

    @classmethod
    async def build(cls, plan: Plan, *, folder: Path | None = None) -> Self:
        """Build the wire of a plan; `folder` is as in KernelWire.build.

        Raises:
            WireError: the kernel refuses a part of it.
            OSError: a capture ring cannot be opened.
        """
        wire = await KernelWire.build(plan, folder=folder)
        try:
            return cls(wire)
        except BaseException:
            await wire.close()
            raise

    @property
    def mode(self) -> str:
        """`namespaces`, `root namespaces`."""
        return self._wire.mode.value

    @property
    def platform(self) -> str:
        """`Linux 6.1.0`."""
        return f"{platform.system()} {platform.release()}"

    @property
    def versions(self) -> Mapping[str, str]:
        """The kernel's and scapy's."""
        return {"kernel": platform.release(), "scapy": version("scapy")}

    @property
    def taps(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(tap.name for tap in self._wire.taps)

    def host(self, name: str, address: Address | None = None) -> KernelHost:
        """See KernelWire.host."""
        return self._wire.host(name, address)

    def set_name(self, name: str, *addresses: Address) -> None:
        """See KernelWire.set_name."""
        self._wire.set_name(name, *addresses)

    def find_outside(self, end: Endpoint) -> Endpoint | None:
        """Nothing is translated here."""
        del end
        return None

    def inject(self, tap: str, frame: bytes) -> None:
        """See Recorder.inject."""
        self._recorder.inject(tap, frame)

    async def settle(self) -> None:
        """Nothing to wait for: the kernel has counted a packet before its receiver hears of it."""

    async def finish(self) -> Recording:
        """Take the last frames out of the rings, and end."""
        await self._recorder.drain()
        return self._recorder.stop()

    async def close(self) -> None:
        """Take the wire down."""
        await self._wire.close()
