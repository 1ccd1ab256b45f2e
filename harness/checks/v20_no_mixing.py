"""V20 no mixing: each request is judged by its own headers, and each tunnel has one connection of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Check, Judgement
from harness.checks.evidence import answering, asking, gather, opening
from harness.checks.headers import find_claimed_ports, port_header
from harness.checks.joining import inner_random, outer_random
from harness.checks.need import (
    CALL_BACK_CONTENT,
    COMPLETE,
    HELLOS,
    NODE_SERVICE_CONTENT,
    PROXY_CONTENT,
)
from harness.trace.connection import Connection
from harness.trace.http import Exchange
from harness.trace.journey import ServiceRequest
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    for request in case.journeys.requests:
        for caused in request.call_backs:
            key = caused.call_back.key
            earlier = find_earlier(case, request, key)
            if earlier is None:
                continue
            message = (
                f"{case.machines.tell_address(caused.call_back.caller)} asked for the certificate of port "
                f"{key}, which is "
                f"{port_header(case.site)} of an earlier request on the connection from "
                f"{case.machines.tell_client(request.connection)}, not of this one"
            )
            packets = gather(
                asking(earlier), asking(request.exchange), asking(caused.call_back.exchange)
            )
            yield _finding(message, packets, request.connection, caused.call_back.connection)
    yield from _judge_tunnels(case)
    yield from _judge_pooled(case)


def find_earlier(case: Case, request: ServiceRequest, key: int) -> Exchange | None:
    """The earlier request of the same connection whose header names this port, where this one's does not."""
    own = request.exchange.request
    if own is None or key == request.connection.client.port:
        return None
    if key in find_claimed_ports(own, case.site):
        return None
    for exchange in request.connection.exchanges:
        if exchange is request.exchange:
            return None
        if exchange.request is not None and key in find_claimed_ports(exchange.request, case.site):
            return exchange
    return None


def _judge_tunnels(case: Case) -> Iterator[Judgement]:
    upstream: dict[bytes, list[Connection]] = defaultdict(list)
    for connection in case.legs.opened:
        random = outer_random(connection)
        if random is not None:
            upstream[random].append(connection)
    carried: dict[bytes, Connection] = {}
    for proxy in case.legs.proxy:
        told = case.machines.tell_client(proxy)
        granted = [e for e in proxy.exchanges if _is_tunnel(e)]
        if len(granted) > 1:
            packets = gather(*(answering(e) for e in granted))
            server = case.machines.tell_server(proxy)
            yield _finding(f"{server} opened {len(granted)} tunnels for {told}", packets, proxy)
        random = inner_random(proxy)
        if random is None:
            continue
        onward = upstream.get(random, [])
        if len(onward) > 1:
            message = f"the tunnel of {told} goes on in {len(onward)} connections of its node"
            yield _finding(message, gather(*(opening(c) for c in onward)), proxy, *onward)
        before = carried.setdefault(random, proxy)
        if before is not proxy and case.machines.server(before) == case.machines.server(proxy):
            message = (
                f"{case.machines.tell_client(before)} and {told} share one connection of their node"
            )
            packets = gather(opening(before), opening(proxy), *(opening(c) for c in onward))
            yield _finding(message, packets, before, proxy)


def _judge_pooled(case: Case) -> Iterator[Judgement]:
    """F13: a tunnel goes on in a connection that was opened for another one, in which nobody has said anything."""
    silent = [c for c in case.legs.proxy if c.tunnel is not None and inner_random(c) is None]
    if not silent:
        return
    asking_ports = {c.connection.number for c in case.call_backs}
    for owners in case.owners.values():
        for owner in owners:
            asked_ns = _find_granted(owner.proxy)
            if asked_ns is None or owner.upstream.opened_ns + case.trace.slack_ns >= asked_ns:
                continue
            for other in silent:
                if _is_only_one_for(case, owner.upstream, other, asking_ports):
                    told, before = (case.machines.tell_client(c) for c in (owner.proxy, other))
                    message = (
                        f"the tunnel of {told} goes on in the connection from "
                        f"{case.machines.tell_client(owner.upstream)} that its node had opened for {before}"
                    )
                    packets = gather(
                        opening(owner.upstream), *(asking(e) for e in owner.proxy.exchanges[:1])
                    )
                    yield _finding(message, packets, owner.proxy, other, owner.upstream)


def _is_only_one_for(
    case: Case, upstream: Connection, other: Connection, asking_ports: set[int]
) -> bool:
    """Whether a node had opened this and nothing else between another client's CONNECT and the answer to that."""
    node, since_ns = case.machines.client(upstream), _find_granted(other)
    if since_ns is None or other.tunnel is None or case.machines.server(other) != node:
        return False
    opened = [
        c.number
        for c in case.legs.opened
        if case.machines.client(c) == node
        and since_ns <= c.opened_ns <= other.tunnel.opened.time_ns
        and c.number not in asking_ports
    ]
    return opened == [upstream.number]


def _find_granted(proxy: Connection) -> int | None:
    """When the CONNECT came that was granted; None: not seen."""
    found = (e.request.last_ns for e in proxy.exchanges if e.request is not None and _is_tunnel(e))
    return next(found, None)


def _is_tunnel(exchange: Exchange) -> bool:
    return (
        exchange.request is not None
        and exchange.request.method == b"CONNECT"
        and exchange.response is not None
        and 200 <= exchange.response.status < 300
    )


def _finding(message: str, packets: tuple[PacketNumber, ...], *connections: Connection) -> Finding:
    ends = tuple(dict.fromkeys(e for c in connections for e in (c.client, c.server)))
    return Finding(message=message, packets=packets, endpoints=ends)


V20 = Check(
    id="V20",
    promise="Each request is judged by its own headers, and each tunnel has one connection of its own.",
    source="V20; F13 F30",
    needs=(COMPLETE, HELLOS, PROXY_CONTENT, NODE_SERVICE_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
