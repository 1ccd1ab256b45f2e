"""The evidence for a site: who listens, who passes what on to whom, and which packets show it. Decides nothing.

A connection is passed on as it is where the same ClientHello.random comes out again, ended where the same request
comes out on another TLS, and tunnelled where the random inside a CONNECT comes out as a connection's own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from typing import Literal

from harness.net.address import Address, Endpoint
from harness.site import canary
from harness.trace.connection import Connection
from harness.trace.http import Exchange, Request
from harness.trace.packet import PacketNumber
from harness.trace.packet_list import PacketList
from harness.trace.trace import Trace

NOT_SERVICE_PORTS = (5262, 5263)
"""The vendor's proxy and admin ports: who connects there while it is asked is a node that calls back, no balancer."""

Way = Literal["passed", "ended", "perhaps ended", "tunnelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One connection that goes on as another."""

    way: Way
    """`perhaps ended`: only the times say so."""
    before: Connection
    after: Connection
    packets: tuple[PacketNumber, ...]
    request: Request | None = None
    """Ended: the request as it went on."""


@dataclass(slots=True)
class Listener:
    """One endpoint that accepted connections; grows while the trace is read."""

    endpoint: Endpoint
    connections: list[Connection] = field(default_factory=list)
    connects: list[PacketNumber] = field(default_factory=list)
    """Where a CONNECT was asked inside TLS."""
    plain_connects: list[PacketNumber] = field(default_factory=list)
    """Where one was asked outside, as of proxies that ask for no certificate."""
    certificate_requests: list[PacketNumber] = field(default_factory=list)
    """Where a client certificate was asked for, or shown, in TLS from the first byte on."""

    @property
    def clients(self) -> tuple[Address, ...]:
        """Who connected, each once, in order."""
        return tuple(dict.fromkeys(c.client.address for c in self.connections))

    @property
    def is_proxy(self) -> bool:
        """Whether it proxies, or asks for certificates as a cert proxy does."""
        return bool(self.connects or self.certificate_requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a trace shows."""

    listeners: tuple[Listener, ...]
    """In order of their first connection."""
    hops: tuple[Hop, ...]
    unread: tuple[Connection, ...]
    """TLS that stayed closed."""


def find_evidence(trace: Trace) -> Evidence:
    """Read a trace."""
    listeners: dict[Endpoint, Listener] = {}
    served = [
        c
        for c in trace.connections
        if (c.syn_ack or c.server_stream.size) and not _is_canary(c.client.address)
    ]
    packets = PacketList.of(trace.packets)
    for connection in served:
        listener = listeners.setdefault(connection.server, Listener(connection.server))
        listener.connections.append(connection)
        connects = listener.connects if connection.tls is not None else listener.plain_connects
        connects += (
            number
            for exchange in connection.exchanges
            if exchange.request is not None and exchange.request.method == b"CONNECT"
            for number in exchange.request.packets[:1]
        )
        tls = connection.tls
        asked = (tls.certificate_request or tls.client_certificate) if tls is not None else None
        if asked is not None and not _begins_otherwise(packets, connection):
            listener.certificate_requests += asked.packets[:1]
    hops = (*_passed(served, trace.slack_ns), *_tunnelled(served), *_ended(served))
    return Evidence(
        listeners=tuple(listeners.values()),
        hops=(*hops, *_perhaps_ended(served, hops)),
        unread=tuple(c for c in served if c.tls is not None and c.tls.decrypted != "yes"),
    )


def _begins_otherwise(packets: PacketList, connection: Connection) -> bool:
    """Whether the client sent something else before its ClientHello: mail, databases and others turn to TLS later."""
    hello = connection.tls.client_hello if connection.tls is not None else None
    if hello is None or connection.preamble is not None:
        return False
    for number in connection.packets:
        if number >= hello.packets[0]:
            break
        packet = packets.find(number)
        if (
            packet is not None
            and packet.payload_size
            and packet.flow is not None
            and packet.flow.source == connection.client
            and number not in hello.packets
        ):
            return True
    return False


def _is_canary(address: Address) -> bool:
    """Machines of the harness itself, in a capture that it recorded."""
    return address.version == 4 and address in canary.NETWORK


def _random(connection: Connection) -> bytes | None:
    return connection.tls.client_random if connection.tls is not None else None


def _hello(connection: Connection) -> tuple[PacketNumber, ...]:
    tls = connection.tls
    if tls is None or tls.client_hello is None:
        return connection.packets[:1]
    return tls.client_hello.packets[:1]


def _passed(connections: Iterable[Connection], slack_ns: int) -> Iterator[Hop]:
    """Where one goes on as the other while it is open: the same random at another time is made, or played again."""
    by_random: dict[bytes, list[Connection]] = defaultdict(list)
    for connection in connections:
        if (random := _random(connection)) is not None:
            by_random[random].append(connection)
    for same in by_random.values():
        for before, after in pairwise(same):
            is_open = after.opened_ns <= before.closed_ns + slack_ns
            if before.server != after.server and is_open:
                packets = (*_hello(before), *_hello(after))
                yield Hop(way="passed", before=before, after=after, packets=packets)


def _tunnelled(connections: Sequence[Connection]) -> Iterator[Hop]:
    own: dict[bytes, list[Connection]] = defaultdict(list)
    for connection in connections:
        if (random := _random(connection)) is not None:
            own[random].append(connection)
    for proxy in connections:
        tls = proxy.tunnel.tls if proxy.tunnel is not None else None
        found = own[tls.client_random] if tls is not None and tls.client_random else []
        for upstream in found[:1]:
            assert tls is not None
            hello = tls.client_hello.packets[:1] if tls.client_hello is not None else ()
            packets = (*hello, *_hello(upstream))
            yield Hop(way="tunnelled", before=proxy, after=upstream, packets=packets)


def _ended(connections: Sequence[Connection]) -> Iterator[Hop]:
    """By the same request with the same answer, one within the other, on other TLS; only where one candidate is."""
    waiting: dict[tuple[bytes, bytes, str], list[tuple[Connection, Exchange]]] = defaultdict(list)
    for connection in connections:
        for exchange in connection.exchanges:
            if exchange.request is not None and exchange.response is not None:
                waiting[_key(exchange.request)].append((connection, exchange))
    for listed in waiting.values():
        outers = _Outers(listed)
        for after, inner in listed:
            for before, outer in outers.find_nearest(after, inner):
                packets = (*outer.packets[:1], *inner.packets[:1])
                yield Hop(
                    way="ended", before=before, after=after, packets=packets, request=inner.request
                )


class _Outers:
    """The same request with its answer, wherever it was seen: which of them another may be the inside of."""

    def __init__(self, listed: Sequence[tuple[Connection, Exchange]]) -> None:
        # Backwards, of those that started at the same time the one listed first comes first.
        order = sorted(range(len(listed)), key=lambda at: (_first(listed[at][1]), -at))
        self._listed = [listed[at] for at in order]
        self._starts = [_first(exchange) for _, exchange in self._listed]
        self._latest_ends = list(accumulate((_last(e) for _, e in self._listed), max))

    def find_nearest(
        self, after: Connection, inner: Exchange
    ) -> Iterator[tuple[Connection, Exchange]]:
        """Behind several balancers all of them contain it: the nearest is the one that started last."""
        end = _last(inner)
        for at in range(bisect_left(self._starts, _first(inner)) - 1, -1, -1):
            if self._latest_ends[at] < end:
                return
            before, outer = self._listed[at]
            if (
                before is not after
                and before.server != after.server
                and (_random(before) is None or _random(before) != _random(after))
                and _contains(outer, inner)
            ):
                yield before, outer
                return


def _key(request: Request) -> tuple[bytes, bytes, str]:
    return request.method, request.target, request.body_sha256


def _first(exchange: Exchange) -> int:
    assert exchange.request is not None
    return exchange.request.first_ns


def _last(exchange: Exchange) -> int:
    assert exchange.response is not None
    return exchange.response.last_ns


def _contains(outer: Exchange, inner: Exchange) -> bool:
    if outer.request is None or inner.request is None:
        return False
    if outer.response is None or inner.response is None:
        return False
    return (
        outer.request.first_ns < inner.request.first_ns
        and inner.response.last_ns <= outer.response.last_ns
        and outer.response.status == inner.response.status
        and outer.response.body_sha256 == inner.response.body_sha256
    )


def _perhaps_ended(connections: Sequence[Connection], hops: Sequence[Hop]) -> Iterator[Hop]:
    """Unreadable TLS: a machine that was being asked connected elsewhere meanwhile, by a hello of its own."""
    known = {hop.after.number for hop in hops}
    before_known = {(hop.before.number) for hop in hops}
    asked: dict[Address, list[tuple[int, int]]] = defaultdict(list)
    for index, c in enumerate(connections):
        if c.tls is not None and c.number not in before_known:
            asked[c.server.address].append((c.opened_ns, index))
    being_asked = {address: _Open(connections, sorted(listed)) for address, listed in asked.items()}
    found: dict[int, Hop] = {}
    for index in sorted(range(len(connections)), key=lambda at: connections[at].opened_ns):
        after = connections[index]
        if after.number in known or after.tls is None or after.tls.client_hello is None:
            continue
        if after.client.address.is_loopback or after.server.port in NOT_SERVICE_PORTS:
            continue
        machine = being_asked.get(after.client.address)
        if machine is None or after.tls.decrypted == "yes":
            continue
        before = machine.find_first(after.opened_ns, after.server)
        if before is not None:
            packets = (*_hello(before), *_hello(after))
            found[index] = Hop(way="perhaps ended", before=before, after=after, packets=packets)
    for _, hop in sorted(found.items()):
        yield hop


class _Open:
    """Which unreadable connections to a machine are open, as time goes by."""

    def __init__(self, connections: Sequence[Connection], opened: list[tuple[int, int]]) -> None:
        self._connections = connections
        self._opened = opened
        """Time and index, in order of time."""
        self._next = 0
        self._heap: list[int] = []

    def find_first(self, now_ns: int, server: Endpoint) -> Connection | None:
        """The first in the capture that is open then, to another server than this; times are asked for in order."""
        while self._next < len(self._opened) and self._opened[self._next][0] <= now_ns:
            index = self._opened[self._next][1]
            tls = self._connections[index].tls
            if tls is not None and tls.decrypted != "yes":
                heappush(self._heap, index)
            self._next += 1
        while self._heap:
            connection = self._connections[self._heap[0]]
            if connection.closed_ns >= now_ns:
                if connection.server != server:
                    return connection
                break
            heappop(self._heap)
        # A machine that connects to itself: there are few of those.
        for index in sorted(self._heap):
            connection = self._connections[index]
            if connection.closed_ns >= now_ns and connection.server != server:
                return connection
        return None
