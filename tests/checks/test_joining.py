"""Joining: what proves each join, and what stays open."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.checks.joining import join
from harness.checks.legs import find_legs, find_machines
from harness.site.callback import build_target
from harness.site.site import Balancer, Site
from harness.trace.journey import Ambiguous, Front, Journeys, Proxied
from tests.defect_traces import f41
from tests.trace_builder import (
    CLUSTER,
    GALAXY,
    LOCALHOST,
    N1,
    N2,
    N3,
    PASSTHROUGH,
    PIXEL,
    SINGLE,
    VIP,
    TraceBuilder,
    Wire,
    make_certificate,
    make_random,
    make_site,
)

VIP_PASSES = make_site(service="passthrough")


def test_a_request_that_the_balancer_gave_up_is_the_one_it_had_got() -> None:
    """F41: the answer came from another node, and the first connection was reset before."""
    journeys = _join(f41())

    fronts = [request.front for request in journeys.requests if isinstance(request.front, Front)]
    assert [str(front.node) for front in fronts] == [str(N2), str(N2)]


def _join(builder: TraceBuilder) -> Journeys:
    trace = builder.build()
    machines = find_machines(trace, builder.site)
    return join(find_legs(trace, machines), machines)


@pytest.mark.parametrize(
    ("site", "node"),
    [
        pytest.param(CLUSTER, N2, id="terminating cluster"),
        pytest.param(PASSTHROUGH, N2, id="destination localhost"),
        pytest.param(SINGLE, N1, id="single node"),
    ],
)
def test_a_sign_in_is_one_journey(site: Site, node: object) -> None:
    """From the device's first connection to the call-back."""
    builder = TraceBuilder(site)
    legs = builder.sign_in(node=node, access=N1)  # type: ignore[arg-type]
    assert legs.l5 is not None
    (request,) = _join(builder).requests

    assert isinstance(request.front, Front)
    assert isinstance(request.proxied, Proxied)
    assert (request.connection.client, request.front.connection.client) == (
        legs.l4.client,
        legs.l3.client,
    )
    assert (request.front.node, request.proxied.device) == (node, legs.l1.client)
    assert [c.call_back.connection.client for c in request.call_backs] == [legs.l5.client]
    assert [c.matches for c in request.call_backs] == [True]


def test_the_first_leg_is_missing_without_a_balancer() -> None:
    """L1 and L2 are one connection then."""
    builder = TraceBuilder(SINGLE)
    legs = builder.sign_in(node=N1)
    (request,) = _join(builder).requests

    assert isinstance(request.proxied, Proxied)
    assert request.proxied.outer is None
    assert request.proxied.proxy.client == legs.l2.client


def test_pass_through_is_joined_by_the_random() -> None:
    """L3 to L4 on 443 with one ClientHello; the request needs no look."""
    builder = TraceBuilder(VIP_PASSES)
    _, _, l3 = builder.tunnel(certificate=make_certificate("alice"))
    assert l3.tls is not None
    assert l3.tls.client_random is not None
    l4 = builder.open("dmz", VIP, N1, 443).handshake(l3.tls.client_random)
    target = builder.login()
    builder.finish(l3, l3.ask(target), l4, l4.ask(target), user="", status=403)
    (request,) = _join(builder).requests

    assert isinstance(request.front, Front)
    assert (request.front.connection.client, request.front.exchange) == (l3.client, None)
    assert isinstance(request.proxied, Proxied)


def test_pass_through_behind_pass_through_is_followed_to_the_first_one() -> None:
    """Two balancers in a row: what entered at the outer one, and not what it opened to the inner one."""
    inner = ip_address("10.20.0.11")
    passing = Balancer.model_validate({"address": str(inner), "443": "passthrough"})
    site = VIP_PASSES.model_copy(update={"balancers": {**VIP_PASSES.balancers, "inner": passing}})
    builder = TraceBuilder(site)
    outer = builder.open("outside", PIXEL, VIP, 443).handshake(make_random("same"))
    builder.open("dmz", VIP, inner, 443).handshake(make_random("same"))
    at_node = builder.open("dmz", inner, N1, 443).handshake(make_random("same"))
    at_node.answer(at_node.ask(builder.login()), 403)
    (request,) = _join(builder).requests

    assert isinstance(request.front, Front)
    assert request.front.connection.client == outer.client
    assert request.front.connection.server == outer.server


def test_the_same_random_twice_is_ambiguous() -> None:
    """A replayed ClientHello never picks one of two."""
    builder = TraceBuilder(VIP_PASSES)
    for client in (PIXEL, N3):
        builder.open("outside", client, VIP, 443).handshake(make_random("same"))
    l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random("same"))
    l4.answer(l4.ask(builder.login()), 403)
    (request,) = _join(builder).requests

    assert isinstance(request.front, Ambiguous)
    assert "2 connections" in request.front.reason
    assert request.proxied is None


def test_a_hello_that_was_sent_again_is_told_by_its_answer() -> None:
    """F71: the device's connection to the balancer is the one whose ServerHello its node gave."""
    builder = TraceBuilder()
    l1, l2, l3 = builder.tunnel(certificate=make_certificate("alice"))
    again = builder.open("outside", N3, VIP, 5262)
    for wire, answer in ((l1, "first"), (l2, "first"), (again, "second")):
        wire.handshake(make_random("same"), server_random=make_random(answer))
    target = builder.login()
    builder.finish(l3, l3.ask(target), l3, l3.ask(target), user="", status=403)
    found = dict(_join(builder).proxied)

    (proxied,) = found.values()
    assert isinstance(proxied, Proxied)
    assert proxied.outer is not None
    assert proxied.outer.client == l1.client


def _balanced(builder: TraceBuilder, l3: Wire, l4: Wire, *, key: int | None = None) -> None:
    """One request over connections that are already there, with its call-back."""
    target = builder.login()
    asked = l3.ask(target)
    true = (("RemotePort", str(l3.client.port).encode()), ("X-Forwarded-For", str(N2).encode()))
    request = l4.ask(target, headers=true)
    if key is not None:
        builder.call_back(N1, N2, key=key, answer=(404, b""))
    builder.finish(l3, asked, l4, request, user="", status=403)


def test_a_connection_used_again_by_the_balancer_is_joined_request_by_request() -> None:
    """F30: two devices' requests in one L4, and several of one device."""
    builder = TraceBuilder()
    (*_, one), (*_, two) = builder.tunnel(), builder.tunnel(device=GALAXY)
    l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random("pooled"))
    for l3 in (one, two, one):
        _balanced(builder, l3, l4, key=l3.client.port)
    requests = _join(builder).requests

    fronts = [r.front.connection.client if isinstance(r.front, Front) else None for r in requests]
    assert fronts == [one.client, two.client, one.client]
    assert [len(r.call_backs) for r in requests] == [1, 1, 1]


def test_a_balancer_that_answers_itself_is_joined_when_the_node_gave_no_answer() -> None:
    """502 in front, nothing behind."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel()
    target = builder.login()
    asked = l3.ask(target)
    l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random("l4"))
    l4.ask(target)
    l3.answer(asked, 502)
    (request,) = _join(builder).requests

    assert isinstance(request.front, Front)


def test_another_answer_is_another_request() -> None:
    """What the balancer gave the device is not what this node said."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel()
    target = builder.login()
    asked = l3.ask(target)
    l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random("l4"))
    l4.answer(l4.ask(target), 403, b"one")
    l3.answer(asked, 403, b"two")
    (request,) = _join(builder).requests

    assert request.front is None


def test_a_certificate_request_through_the_tunnel_is_no_call_back() -> None:
    """A device asks the service for a certificate: its proxy only carries that."""
    builder = TraceBuilder(PASSTHROUGH)
    _, _, l3 = builder.tunnel()
    l3.answer(l3.ask(build_target(40000)), 404)
    elsewhere = make_site(service="passthrough", destination="bystander")
    tunnelled = TraceBuilder(elsewhere)
    *_, far = tunnelled.tunnel(dials=("inside", N3, 8443))
    far.answer(far.ask(build_target(40000)), 404)

    assert _join(builder).uncaused == ()
    assert _join(tunnelled).uncaused == ()


def test_a_call_back_to_a_balancer_is_one() -> None:
    """F34: it lands on some node."""
    builder = TraceBuilder()
    wire = builder.open("dmz", N1, VIP, 5262).handshake(make_random("l5"))
    wire.answer(wire.ask(build_target(40000)), 404)
    (call_back,) = _join(builder).uncaused

    assert (call_back.caller, call_back.target, call_back.key, call_back.status) == (
        N1,
        VIP,
        40000,
        404,
    )


def test_loopback_is_the_nodes_own_address() -> None:
    """A call-back to 127.0.0.1 asks the caller itself."""
    builder = TraceBuilder()
    wire = builder.open("node3.lo", LOCALHOST, LOCALHOST, 5263).handshake(make_random("l5"))
    wire.ask(build_target(40000))
    (call_back,) = _join(builder).uncaused

    assert (call_back.caller, call_back.target, call_back.status) == (N3, N3, None)


def test_connections_of_nodes_know_the_device_behind_them() -> None:
    """Also those without a request that reached a node."""
    builder = TraceBuilder()
    l1, _, l3 = builder.tunnel()
    ((connection, proxied),) = _join(builder).proxied

    assert connection.client == l3.client
    assert isinstance(proxied, Proxied)
    assert proxied.device == l1.client
