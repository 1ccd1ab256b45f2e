"""The tunnel: which device's connection owns a node's outgoing port, and from when to when.

An owner of (node, port) is a connection that a node opened and that carries on a granted CONNECT tunnel, from the 200
until the connection is over: reset, or closed from both sides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.checks.joining import inner_random, outer_random
from harness.checks.legs import Legs, Machines
from harness.checks.proof import Proofs
from harness.net.address import Address
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection
from harness.trace.journey import CallBack, Journeys, ServiceRequest
from harness.trace.packet_list import PacketList

FIN, RST = 0x01, 0x04
OK = 200

Key = tuple[Address, int]
"""A node and a port of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One tunnel and the connection that carries it on."""

    node: Address
    port: int
    """Source port of `upstream`: what a call-back asks for."""
    proxy: Connection
    """L2."""
    upstream: Connection
    """L3."""
    begun_ns: int
    """The 2xx to the CONNECT."""
    ended_ns: int | None
    """None: not before the capture ended."""
    certificate: Certificate | None
    """What the client proved; None: nothing, or not seen."""

    def lives(self, time_ns: int) -> bool:
        """Whether the tunnel was there at this time."""
        return self.begun_ns <= time_ns and (self.ended_ns is None or time_ns <= self.ended_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBackOf:
    """One call-back and the request that caused it."""

    connection: Connection
    call_back: CallBack
    request: ServiceRequest | None
    """None: none, or it is not known which."""

    @property
    def asked_ns(self) -> int:
        """When it was asked."""
        request = self.call_back.exchange.request
        return request.first_ns if request is not None else self.connection.opened_ns

    @property
    def key(self) -> Key:
        """What was asked for, and whom."""
        return self.call_back.target, self.call_back.key

    @property
    def is_answered(self) -> bool:
        """Whether a certificate was handed out."""
        return self.call_back.status == OK


def find_owners(
    packets: PacketList, legs: Legs, machines: Machines, proofs: Proofs
) -> dict[Key, tuple[Owner, ...]]:
    """All owners by node and port, in order of time."""
    tunnels: dict[bytes, list[Connection]] = defaultdict(list)
    for proxy in legs.proxy:
        random = inner_random(proxy)
        if random is not None:
            tunnels[random].append(proxy)
    found: dict[Key, list[Owner]] = defaultdict(list)
    for upstream in legs.opened:
        random = outer_random(upstream)
        node = machines.client(upstream)
        for proxy in tunnels.get(random, ()) if random is not None else ():
            if proxy.tunnel is None or machines.server(proxy) != node:
                continue
            port = upstream.client.port
            found[node, port].append(
                Owner(
                    node=node,
                    port=port,
                    proxy=proxy,
                    upstream=upstream,
                    begun_ns=proxy.tunnel.opened.time_ns,
                    ended_ns=find_end(packets, upstream),
                    certificate=proofs.find_shown(proxy),
                )
            )
    return {key: tuple(sorted(list_, key=_begun)) for key, list_ in found.items()}


def find_unowned(
    legs: Legs, machines: Machines, call_backs: Iterable[CallBackOf]
) -> dict[Key, tuple[Connection, ...]]:
    """Connections of a node that no tunnel is known to own, call-backs left aside: a tunnel may be behind them."""
    tunnels = {inner_random(proxy) for proxy in legs.proxy} - {None}
    asking = {c.connection.number for c in call_backs}
    found: dict[Key, list[Connection]] = defaultdict(list)
    for connection in legs.opened:
        is_known = outer_random(connection) in tunnels or connection.number in asking
        if not is_known and connection.established:
            found[machines.client(connection), connection.client.port].append(connection)
    return {key: tuple(connections) for key, connections in found.items()}


def list_call_backs(journeys: Journeys) -> tuple[CallBackOf, ...]:
    """Every call-back with the request that caused it, in order of time."""
    found = [
        CallBackOf(
            connection=caused.call_back.connection,
            call_back=caused.call_back,
            request=request,
        )
        for request in journeys.requests
        for caused in request.call_backs
    ]
    others = (*journeys.ambiguous, *journeys.uncaused)
    found += [CallBackOf(connection=c.connection, call_back=c, request=None) for c in others]
    return tuple(sorted(found, key=lambda c: (c.asked_ns, c.connection.number)))


def find_end(packets: PacketList, connection: Connection) -> int | None:
    """When a connection was over: its first RST, or the second side's FIN; None: not while the capture lasted."""
    closing: set[bool] = set()
    for number in packets.find_flagged(connection.packets, FIN | RST):
        packet = packets.find(number)
        if packet is None or packet.tcp_flags is None or packet.flow is None:
            continue
        if packet.tcp_flags & RST:
            return packet.time_ns
        if packet.tcp_flags & FIN:
            closing.add(packet.flow.source == connection.client)
            if len(closing) == 2:
                return packet.time_ns
    return None


def overlapping(owners: tuple[Owner, ...]) -> Iterator[tuple[Owner, Owner]]:
    """Pairs that lived at the same time, the earlier first; `owners` are in order of time."""
    living: list[Owner] = []
    for later in owners:
        living = [o for o in living if o.ended_ns is None or later.begun_ns <= o.ended_ns]
        for earlier in living:
            yield earlier, later
        living.append(later)


def _begun(owner: Owner) -> tuple[int, int]:
    return owner.begun_ns, owner.upstream.number
