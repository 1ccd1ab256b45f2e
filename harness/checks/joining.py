"""Joining: from a trace to journeys. Each join states what proves it; several candidates stay ambiguous.

L1 to L2    equal ClientHello.random of the outer TLS
L2 to L3    ClientHello.random inside the CONNECT tunnel = ClientHello.random on the node's connection
L3 to L4    pass-through: equal ClientHello.random; terminating: same request and answer, one within the other
L4 to L5    the request at the caller that was open when it called; of several the one whose headers or peer agree
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from harness.checks.attribution import attribute, start
from harness.checks.call_back_form import find_key
from harness.checks.legs import Legs, Machines
from harness.checks.passed import Passed
from harness.net.address import Address
from harness.site.site import SERVICE_PORT, BalancerMode
from harness.trace.connection import Connection
from harness.trace.http import Exchange, Request
from harness.trace.journey import (
    Ambiguous,
    CallBack,
    Front,
    Journeys,
    Proxied,
    ServiceRequest,
)
from harness.trace.packet import PacketNumber


def join(legs: Legs, machines: Machines, *, slack_ns: int = 0) -> Journeys:
    """Join all legs of a trace; `slack_ns` is by how much times of several files may be apart."""
    proxies = _ProxyIndex.build(legs, machines)
    fronts = _FrontIndex.build(legs, machines, slack_ns)
    requests = []
    for connection in legs.service:
        for exchange in connection.exchanges:
            if exchange.request is None:
                continue
            front = fronts.find(connection, exchange, exchange.request)
            requests.append(
                ServiceRequest(
                    connection=connection,
                    exchange=exchange,
                    node=machines.server(connection),
                    front=front,
                    proxied=proxies.find(front.connection)
                    if isinstance(front, Front) and front.node is not None
                    else None,
                )
            )
    requests.sort(key=lambda r: (start(r), r.connection.number))
    call_backs = _find_call_backs(legs, machines, proxies)
    joined = attribute(requests, call_backs, machines, slack_ns=slack_ns)
    proxied = tuple(
        (c, proxies.find(c)) for c in legs.fronts if machines.client(c) in machines.nodes
    )
    return replace(joined, proxied=proxied)


def _by_random(
    connections: Iterable[Connection], random: Callable[[Connection], bytes | None]
) -> Mapping[bytes, tuple[Connection, ...]]:
    index: dict[bytes, list[Connection]] = defaultdict(list)
    for connection in connections:
        value = random(connection)
        if value is not None:
            index[value].append(connection)
    return {value: tuple(found) for value, found in index.items()}


def outer_random(connection: Connection) -> bytes | None:
    """ClientHello.random of the connection's own TLS."""
    return connection.tls.client_random if connection.tls is not None else None


def server_random(connection: Connection) -> bytes | None:
    """ServerHello.random of the connection's own TLS."""
    return connection.tls.server_random if connection.tls is not None else None


def inner_random(connection: Connection) -> bytes | None:
    """ClientHello.random of the TLS inside the connection's CONNECT tunnel."""
    tunnel = connection.tunnel
    return tunnel.tls.client_random if tunnel is not None and tunnel.tls is not None else None


def _hellos(connections: Iterable[Connection]) -> tuple[PacketNumber, ...]:
    """Packets of the ClientHellos, ascending."""
    numbers: set[PacketNumber] = set()
    for connection in connections:
        if connection.tls is not None and connection.tls.client_hello is not None:
            numbers.update(connection.tls.client_hello.packets)
        else:
            numbers.update(connection.packets[:1])
    return tuple(sorted(numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProxyIndex:
    """L1 and L2 by their randoms."""

    machines: Machines
    inner: Mapping[bytes, tuple[Connection, ...]]
    outer: Mapping[bytes, tuple[Connection, ...]]

    @classmethod
    def build(cls, legs: Legs, machines: Machines) -> _ProxyIndex:
        return cls(
            machines=machines,
            inner=_by_random(legs.proxy, inner_random),
            outer=_by_random(legs.outer, outer_random),
        )

    def find(self, upstream: Connection) -> Proxied | Ambiguous | None:
        """The device's connection whose tunnel a node's connection carries on."""
        random = outer_random(upstream)
        found = self.inner.get(random, ()) if random is not None else ()
        if not found:
            return None
        if len(found) > 1:
            return Ambiguous(
                reason=f"{len(found)} tunnels hold the same ClientHello.random",
                packets=_hellos((upstream, *found)),
            )
        proxy = found[0]
        own = outer_random(proxy)
        listed = self.outer.get(own, ()) if own is not None else ()
        # Behind balancers in a row the same bytes come again: the device's connection is what none of them opened.
        outer = [c for c in listed if self.machines.client(c) not in self.machines.balancers]
        if len(outer) > 1:
            # A ClientHello that was sent again has another answer, which was passed on as well.
            answer = server_random(proxy)
            outer = [c for c in outer if answer is None or server_random(c) in (None, answer)]
        if len(outer) > 1:
            return Ambiguous(
                reason=f"{len(outer)} connections to the balancer have the same ClientHello.random",
                packets=_hellos((proxy, *outer)),
            )
        return Proxied(outer=outer[0] if outer else None, proxy=proxy)


_Key = tuple[bytes, bytes, int, str]


def _key(request: Request) -> _Key:
    """What stays the same when a balancer passes a request on."""
    return request.method, request.path, request.body_size, request.body_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class _FrontIndex:
    """Connections to the service by what finds them again behind a balancer."""

    machines: Machines
    slack_ns: int
    by_random: Mapping[bytes, tuple[Connection, ...]]
    by_request: Mapping[tuple[Address, _Key], Passed]

    @classmethod
    def build(cls, legs: Legs, machines: Machines, slack_ns: int) -> _FrontIndex:
        at_balancers = [c for c in legs.fronts if machines.server(c) in machines.balancers]
        by_request: dict[tuple[Address, _Key], Passed] = defaultdict(Passed)
        for connection in at_balancers:
            for exchange in connection.exchanges:
                if exchange.request is not None:
                    key = machines.server(connection), _key(exchange.request)
                    by_request[key].add(connection, exchange)
        return cls(
            machines=machines,
            slack_ns=slack_ns,
            by_random=_by_random(at_balancers, outer_random),
            by_request=by_request,
        )

    def find(
        self, connection: Connection, exchange: Exchange, request: Request, *, hops: int = 0
    ) -> Front | Ambiguous | None:
        """Where an exchange at a node entered; `hops` balancers were passed already."""
        sender = self.machines.client(connection)
        balancer = self.machines.balancers.get(sender)
        if balancer is None:
            return self._front(connection, exchange)
        if self.machines.site.balancers[balancer].service is BalancerMode.PASSTHROUGH:
            random = outer_random(connection)
            found = self.by_random.get(random, ()) if random is not None else ()
            same = [c for c in found if self.machines.server(c) == sender]
            if len(same) > 1:
                reason = f"{len(same)} connections to the balancer have the same ClientHello.random"
                return Ambiguous(reason=reason, packets=_hellos((connection, *same)))
            if same and self._is_handed_on(same[0], hops):
                return self.find(same[0], exchange, request, hops=hops + 1)
            return self._front(same[0], None) if same else None
        passed = self.by_request.get((sender, _key(request)))
        fitting = (
            passed.find(connection, exchange, slack_ns=self.slack_ns) if passed is not None else []
        )
        if len(fitting) > 1:
            packets = sorted({n for _, e in fitting for n in e.packets} | set(request.packets))
            target = request.target[:80].decode("latin-1")
            reason = f"{len(fitting)} requests to the balancer could be the one for {target!r}"
            return Ambiguous(reason=reason, packets=tuple(packets))
        return self._follow(*fitting[0], hops=hops) if fitting else None

    def _follow(
        self, connection: Connection, exchange: Exchange, *, hops: int
    ) -> Front | Ambiguous | None:
        """On through a further balancer, if one stands before this one."""
        if exchange.request is None or not self._is_handed_on(connection, hops):
            return self._front(connection, exchange)
        return self.find(connection, exchange, exchange.request, hops=hops + 1)

    def _is_handed_on(self, connection: Connection, hops: int) -> bool:
        """Whether a further balancer opened it; nobody passes more of them than there are."""
        is_balancer = self.machines.client(connection) in self.machines.balancers
        return is_balancer and hops < len(self.machines.balancers)

    def _front(self, connection: Connection, exchange: Exchange | None) -> Front:
        client = self.machines.client(connection)
        return Front(
            connection=connection,
            exchange=exchange,
            node=client if client in self.machines.nodes else None,
        )


def _find_call_backs(legs: Legs, machines: Machines, proxies: _ProxyIndex) -> tuple[CallBack, ...]:
    """Requests for a certificate that a node itself sent: not what its proxy relays for a device."""
    found: list[CallBack] = []
    for connection in legs.opened:
        if _is_service(connection, machines) or proxies.find(connection) is not None:
            continue
        for exchange in connection.exchanges:
            key = find_key(exchange.request, machines.site)
            if key is not None:
                found.append(
                    CallBack(
                        connection=connection,
                        exchange=exchange,
                        caller=machines.client(connection),
                        target=machines.server(connection),
                        key=key,
                    )
                )
    return tuple(sorted(found, key=lambda c: (start(c), c.connection.number)))


def _is_service(connection: Connection, machines: Machines) -> bool:
    server = machines.server(connection)
    return machines.port(connection) == SERVICE_PORT and (
        server in machines.nodes or server in machines.balancers
    )
