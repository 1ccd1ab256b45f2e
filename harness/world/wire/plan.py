"""The plan of a wire: segments, hosts, and who is attached where. Plain data, any wire can build it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.net.address import Address

SEGMENTS = ("inside", "dmz", "outside")
"""Innermost first: two hosts with several segments in common talk over the first of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One interface of a host."""

    segment: str
    addresses: tuple[Address, ...]
    """The same address may stand on several segments of one host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """One machine (one network namespace on the kernel wire)."""

    name: str
    attachments: tuple[Attachment, ...]
    """The first one also gets everything that nobody owns: such packets leave and are never answered."""
    loopback_tap: bool = False
    """Record its `lo` as well, under the tap name `NAME.lo`."""
    port_range: tuple[int, int] | None = None
    """First and last port that connections without a `source_port` get; None: the kernel's usual range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """One address that others on a segment see instead of those of some machines."""

    segment: str
    outside: Address
    blocks: Mapping[Address, tuple[int, int] | None]
    """Address behind it to the ports that it has there; None: it is the only one, and keeps its ports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarding:
    """A port of a host whose packets go on to another address, with their source as it was."""

    host: str
    port: int
    to: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole wire."""

    hosts: tuple[HostPlan, ...]
    names: Mapping[str, tuple[Address, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """What `Host.resolve` answers."""
    segments: tuple[str, ...] = SEGMENTS
    translations: tuple[Translation, ...] = ()
    """Only the simulated wire has them."""
    forwardings: tuple[Forwarding, ...] = ()
    """Only the simulated wire has them."""
