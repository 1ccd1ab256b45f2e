"""A journey: the legs of one request joined, from the device to the certificate call-back.

A join is what was found, `None` (no candidate), or `Ambiguous` (several): it is never assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.net.address import Address, Endpoint
from harness.trace.connection import Connection
from harness.trace.http import Exchange
from harness.trace.packet import PacketNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambiguous:
    """Several candidates, or one that cannot be told from others."""

    reason: str
    packets: tuple[PacketNumber, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Where a request of the service entered: L3 when a node's proxy opened it, else a direct connection (L7)."""

    connection: Connection
    exchange: Exchange | None
    """The same request there; None where the balancer passes bytes through."""
    node: Address | None
    """The node whose proxy opened the connection; None: no node did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxied:
    """One device's connection through a proxy."""

    outer: Connection | None
    """L1, device to balancer; None: the device reached the node itself, or the leg was not seen."""
    proxy: Connection
    """L2, at the node's proxy port; its tunnel holds the TLS that L3 carries on."""

    @property
    def device(self) -> Endpoint:
        """The client of the leg nearest to the device."""
        return (self.outer or self.proxy).client


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBack:
    """One request for a stored certificate (L5)."""

    connection: Connection
    exchange: Exchange
    caller: Address
    """Address of the node that asked."""
    target: Address
    """Address of the machine that was asked, loopback replaced by the node's own."""
    key: int
    """The port it asked for."""

    @property
    def status(self) -> int | None:
        """Status of the answer; None: not seen."""
        return self.exchange.response.status if self.exchange.response is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caused:
    """A call-back, and how sure it is that this request caused it."""

    call_back: CallBack
    matches: bool
    """Node and port are those of the request's headers or peer; False: only the times say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRequest:
    """One exchange at a node's service port (L4, or L3 where no balancer stands between)."""

    connection: Connection
    exchange: Exchange
    node: Address
    front: Front | Ambiguous | None
    proxied: Proxied | Ambiguous | None
    """None: not through a proxy, or not seen."""
    call_backs: tuple[Caused, ...] = ()
    perhaps: tuple[CallBack, ...] = ()
    """Call-backs that this request or another one caused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclearCallBack:
    """A call-back with several possible causes: right or wrong for all of them, or undecided."""

    call_back: CallBack
    requests: tuple[ServiceRequest, ...]
    """Everything that may have caused it, by time; two or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journeys:
    """All requests at the nodes, joined, and the call-backs that no request caused."""

    requests: tuple[ServiceRequest, ...] = ()
    """By time."""
    ambiguous: tuple[CallBack, ...] = ()
    """Call-backs with several possible causes."""
    unclear: tuple[UnclearCallBack, ...] = ()
    """The same, each with its possible causes."""
    uncaused: tuple[CallBack, ...] = ()
    """Call-backs outside every request at the caller."""
    proxied: tuple[tuple[Connection, Proxied | Ambiguous | None], ...] = ()
    """Each connection that a node opened toward a service port (L3), and the device's behind it."""


def find_call_backs(journeys: Journeys) -> tuple[CallBack, ...]:
    """All call-backs, whatever is known of their cause."""
    caused = (caused.call_back for request in journeys.requests for caused in request.call_backs)
    return (*caused, *journeys.ambiguous, *journeys.uncaused)
