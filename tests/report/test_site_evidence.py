"""The evidence for a site, from traces of known sites."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from ipaddress import ip_address
from types import FrameType

import pytest

from harness.net.address import Endpoint
from harness.report.site_evidence import _contains, find_evidence
from harness.trace.connection import Connection
from harness.trace.http import Exchange
from harness.trace.trace import Trace
from tests.canary_trace import commit_canary
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, N1, N2, PASSTHROUGH, PIXEL, VIP, TraceBuilder, make_random


def _count_lines(trace: Trace) -> int:
    """Lines and calls of Python that looking takes: what a busy machine does not change."""
    count = 0

    def trace_line(frame: FrameType, event: str, argument: object) -> object:
        nonlocal count
        count += 1
        return trace_line

    before = sys.gettrace()
    sys.settrace(trace_line)  # type: ignore[arg-type]
    try:
        find_evidence(trace)
    finally:
        sys.settrace(before)
    return count


def _ways(builder: TraceBuilder) -> list[tuple[str, str, str]]:
    evidence = find_evidence(builder.build())
    return [(h.way, str(h.before.server), str(h.after.server)) for h in evidence.hops]


def test_a_sign_in_shows_how_it_went_on() -> None:
    """L1 as L2, the tunnel as L3, L3's request as L4's; the call-back is nobody's."""
    builder = TraceBuilder(CLUSTER)
    builder.sign_in()

    assert _ways(builder) == [
        ("passed", f"{VIP}:5262", f"{N2}:5262"),
        ("tunnelled", f"{VIP}:5262", f"{VIP}:443"),
        ("tunnelled", f"{N2}:5262", f"{VIP}:443"),
        ("ended", f"{VIP}:443", f"{N1}:443"),
    ]


def test_listeners_say_what_they_ask() -> None:
    """Who connects, where CONNECT was asked, where a certificate was."""
    builder = TraceBuilder(PASSTHROUGH)
    legs = builder.sign_in()
    listener = next(
        li for li in find_evidence(builder.build()).listeners if li.endpoint == Endpoint(N2, 5262)
    )

    assert (listener.clients, listener.is_proxy) == ((VIP,), True)
    assert listener.connects == [legs.l2.packets[6]]
    assert listener.certificate_requests == [legs.l2.packets[4]]


def test_the_same_random_later_is_no_hop() -> None:
    """Made by hand, or played again: nothing goes on from what is over."""
    builder = TraceBuilder(CLUSTER)
    legs = builder.sign_in()
    late = replace(
        legs.l2.build(2),
        opened_ns=legs.l1.build(1).closed_ns + 1,
        closed_ns=legs.l1.build(1).closed_ns + 2,
    )
    first = legs.l1.build(1)

    apart = find_evidence(Trace(connections=(first, late))).hops
    merged = find_evidence(Trace(connections=(first, late), slack_ns=1)).hops

    assert [hop.way for hop in apart] == []
    assert [hop.way for hop in merged] == ["passed"]


def test_connect_outside_tls_is_told_apart() -> None:
    """As of a proxy that asks for no certificate."""
    builder = TraceBuilder(PASSTHROUGH)
    legs = builder.sign_in()
    bare = replace(legs.l2.build(1), tls=None)

    (listener,) = find_evidence(Trace(connections=(bare,))).listeners

    assert (listener.connects, listener.plain_connects) == ([], [legs.l2.packets[6]])
    assert not listener.is_proxy


@pytest.mark.parametrize(
    ("before", "asks"), [("nobody", True), ("server", True), ("client", False)]
)
def test_what_turns_to_tls_later_asks_for_nothing(before: str, asks: bool) -> None:
    """Mail and databases begin in the clear: whoever asks for certificates there is no cert proxy."""
    builder = TraceBuilder(CLUSTER)
    wire = builder.open("dmz", PIXEL, N2, 5262)
    if before != "nobody":
        wire.send(from_client=before == "client")
    wire.handshake(make_random("hello"), asks=True)

    (listener,) = find_evidence(builder.build()).listeners

    assert bool(listener.certificate_requests) is asks


def test_the_canary_is_left_out() -> None:
    """Its machines are the harness's, not the site's."""
    builder = TraceBuilder(CLUSTER)
    builder.sign_in()
    before = _ways(builder)
    commit_canary(builder)

    assert _ways(builder) == before


def test_closed_tls_is_guessed_by_time() -> None:
    """While the balancer is asked it connects to a node by itself."""
    builder = TraceBuilder(CLUSTER)
    builder.sign_in()
    trace = builder.build()
    for number in range(1, 6):
        trace = without_keys(trace, number)
    evidence = find_evidence(trace)

    assert ("perhaps ended", f"{VIP}:443", f"{N1}:443") in [
        (h.way, str(h.before.server), str(h.after.server)) for h in evidence.hops
    ]
    assert len(evidence.unread) == 5


def _many(chance: random.Random, count: int) -> list[Connection]:
    """Connections with the same request, at times and between machines drawn by chance."""
    builder = TraceBuilder(CLUSTER)
    builder.sign_in()
    model = next(c for c in builder.build().connections if c.server == Endpoint(N1, 443))
    tls, exchange = model.tls, model.exchanges[0]
    assert tls is not None
    assert exchange.request is not None
    assert exchange.response is not None
    machines = [Endpoint(ip_address(f"10.0.0.{n}"), 443) for n in range(1, 5)]
    found = []
    for number in range(1, count + 1):
        begin = chance.randrange(count)
        end = begin + chance.randrange(6)
        request = replace(exchange.request, first_ns=begin)
        response = replace(exchange.response, last_ns=end, status=chance.choice((200, 404)))
        found.append(
            replace(
                model,
                number=number,
                client=replace(chance.choice(machines), port=number),
                server=chance.choice(machines),
                opened_ns=begin,
                closed_ns=end,
                tls=replace(
                    tls,
                    client_random=chance.randrange(4 * count).to_bytes(2, "big"),
                    decrypted=chance.choice(("yes", "no")),
                ),
                exchanges=(Exchange(request=request, response=response),),
            )
        )
    return found


def _nearest_outer(after: Connection, others: list[Connection]) -> Connection | None:
    """By trying all."""
    inner = after.exchanges[0]
    assert after.tls is not None
    found = [
        c
        for c in others
        if c is not after
        and c.server != after.server
        and c.tls is not None
        and after.tls is not None
        and c.tls.client_random != after.tls.client_random
        and _contains(c.exchanges[0], inner)
    ]
    return max(found, key=lambda c: c.opened_ns, default=None)


def _first_open(
    after: Connection, others: list[Connection], befores: set[int]
) -> Connection | None:
    """By trying all."""
    states = {c.number: c.tls.decrypted for c in (*others, after) if c.tls is not None}
    return next(
        (
            c
            for c in others
            if c.server.address == after.client.address
            and c.server != after.server
            and c.number not in befores
            and "yes" not in (states[c.number], states[after.number])
            and c.opened_ns <= after.opened_ns <= c.closed_ns
        ),
        None,
    )


@pytest.mark.parametrize("seed", range(20))
def test_of_many_connections_the_right_ones_are_found(seed: int) -> None:
    """The nearest one around a request, and the first one that was open: as if all were tried."""
    connections = _many(random.Random(seed), 150)
    hops = find_evidence(Trace(connections=tuple(connections))).hops
    ended = {h.after.number: h.before.number for h in hops if h.way == "ended"}
    perhaps = {h.after.number: h.before.number for h in hops if h.way == "perhaps ended"}
    known = {h.after.number for h in hops if h.way != "perhaps ended"}
    befores = {h.before.number for h in hops if h.way != "perhaps ended"}

    nearest = {c.number: _nearest_outer(c, connections) for c in connections}
    first = {c.number: _first_open(c, connections, befores) for c in connections}

    assert ended == {n: c.number for n, c in nearest.items() if c is not None}
    assert perhaps == {n: c.number for n, c in first.items() if c is not None and n not in known}
    assert len(ended) > 5
    assert perhaps


def test_looking_at_many_connections_is_linear() -> None:
    """The same request again and again, one after another: four times as many take about four times as long."""
    lines = []
    for count in (200, 800):
        connections = [
            replace(c, opened_ns=c.number * 100, closed_ns=c.number * 100 + 50)
            for c in _many(random.Random(1), count)
        ]
        for index, c in enumerate(connections):
            request, response = c.exchanges[0].request, c.exchanges[0].response
            assert request is not None
            assert response is not None
            request = replace(request, first_ns=c.opened_ns)
            response = replace(response, last_ns=c.closed_ns)
            exchange = Exchange(request=request, response=response)
            connections[index] = replace(c, exchanges=(exchange,))
        trace = Trace(connections=tuple(connections))
        lines.append(_count_lines(trace))

    assert lines[1] < 5 * lines[0]
