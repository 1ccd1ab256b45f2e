"""A tap: one interface in one namespace whose packets are recorded."""

from __future__ import annotations

from dataclasses import dataclass

from harness.world.wire.namespace import Namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class TapPoint:
    """Where to record."""

    name: str
    """`dmz`, `node1.lo`: the interface name in the capture file."""
    namespace: Namespace
    interface: str
    """Its name inside the namespace."""
    loopback: bool
    """On `lo` each packet shows twice, going out and coming in; only the one coming in is recorded."""
