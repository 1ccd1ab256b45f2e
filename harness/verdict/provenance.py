"""Provenance as it is told: the way of one call-back from the device to the user, link by link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.net.address import Address
from harness.trace.packet import PacketNumber

Part = Literal["device", "tunnel", "port", "header", "call-back", "certificate", "user"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One step of the way, and where it was seen."""

    part: Part
    text: str
    packets: tuple[PacketNumber, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The way of one call-back."""

    links: tuple[Link, ...]
    """From the device to the user; device, tunnel and port once for each owner of the port."""
    is_ambiguous: bool
    """The port had several owners, or several requests may have caused the call-back."""
    devices: frozenset[Address]
    """The clients of the tunnels and of the request."""
    users: frozenset[str]
    """Whom the certificates and the answer name."""
