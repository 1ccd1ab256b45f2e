"""V07: the balancer's headers against the connection that the balancer really got."""

from __future__ import annotations

import pytest

from harness.checks.v07_header_truth import V07
from harness.site.site import Site
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import DEFECTIVE
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, N1, N2, N3, VIP, TraceBuilder, make_random, make_site


def test_true_headers_pass() -> None:
    """Port and address are those of L3."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V07, builder).outcome is Outcome.PASS


def test_an_untrue_port_fails() -> None:
    """Whether it had an effect or not; both values are shown."""
    builder = TraceBuilder()
    legs = builder.sign_in(remote_port=b"40000", call_back=False, status=403)

    (finding,) = result_of(V07, builder).findings
    assert "says RemotePort 40000" in finding.message
    assert str(legs.l3.client) in finding.message
    assert finding.packets == (legs.l3.packets[0], legs.l4.packets[6])


def test_an_untrue_address_fails() -> None:
    """The picked element is another node's."""
    builder = TraceBuilder()
    builder.sign_in(forwarded_for=str(N3).encode(), call_back=False, status=403)

    (finding,) = result_of(V07, builder).findings
    assert f"names {N3} in X-Forwarded-For" in finding.message


def test_using_another_element_fails() -> None:
    """F24: the list is true, the pick is not."""
    (finding,) = result_of(V07, DEFECTIVE["F24"]()).findings

    assert "element 1 from the right is node2 10.20.1.2" in finding.message


def test_a_node_that_no_element_names_is_not_its_business() -> None:
    """F44 is V05's alone."""
    assert result_of(V07, DEFECTIVE["F44"]()).outcome is Outcome.PASS


def test_extra_elements_on_the_left_pass() -> None:
    """What a client wrote there is never picked."""
    builder = TraceBuilder()
    builder.sign_in(forwarded_for=f"unknown, {N3}, {N2}".encode())

    assert result_of(V07, builder).outcome is Outcome.PASS


def _two_balancers() -> TraceBuilder:
    """L3 goes to one balancer, that one asks another, which asks the node: two elements, the second is the first's."""
    site = make_site(number_of_load_balancers=2)
    outer = site.balancers["vip"].model_dump(by_alias=True) | {"address": "10.20.0.11"}
    site = Site.model_validate(
        {**site.model_dump(by_alias=True), "balancers": {**site.balancers, "inner": outer}}
    )
    builder = TraceBuilder(site)
    _, _, l3 = builder.tunnel()
    target, inner = builder.login(), site.balancers["inner"].address
    first = l3.ask(target)
    port = (("RemotePort", str(l3.client.port).encode()),)
    middle = builder.open("dmz", VIP, inner, 443).handshake(make_random("middle"))
    second = middle.ask(target, headers=(*port, ("X-Forwarded-For", str(N2).encode())))
    l4 = builder.open("dmz", inner, N1, 443).handshake(make_random("l4"))
    third = l4.ask(target, headers=(*port, ("X-Forwarded-For", f"{N2}, {VIP}".encode())))
    builder.call_back(N1, N2, key=l3.client.port, answer=(404, b""))
    builder.finish(middle, second, l4, third, user="", status=403)
    l3.answer(first, 403, b'{"error": "no certificate"}')
    return builder


def test_two_elements_behind_two_balancers_pass() -> None:
    """The count is 2, and the element that it names is the node's."""
    assert result_of(V07, _two_balancers()).outcome is Outcome.PASS


def test_a_request_that_belongs_to_nothing_is_unknown() -> None:
    """The balancer made it up, or the other leg is missing."""
    builder = TraceBuilder()
    wire = builder.open("dmz", VIP, N1, 443).handshake(make_random("alone"))
    wire.answer(wire.ask(builder.login(), headers=(("RemotePort", b"40000"),)), 403)

    result = result_of(V07, builder)
    assert result.outcome is Outcome.UNKNOWN
    assert "no request to the balancer was found" in (result.reason or "")


def test_a_request_that_could_belong_to_two_is_unknown() -> None:
    """The same request twice at the same time: never guessed."""
    builder = TraceBuilder()
    fronts = [builder.open("outside", N3, VIP, 443).handshake(make_random(name)) for name in "ab"]
    target = builder.login()
    asked = [front.ask(target) for front in fronts]
    wire = builder.open("dmz", VIP, N1, 443).handshake(make_random("back"))
    wire.answer(wire.ask(target, headers=(("RemotePort", b"40000"),)), 403)
    for front, request in zip(fronts, asked, strict=True):
        front.answer(request, 403)

    result = result_of(V07, builder)
    assert result.outcome is Outcome.UNKNOWN
    assert "2 requests to the balancer" in (result.reason or "")


@pytest.mark.parametrize("connection", [3, 4])
def test_without_keys_of_a_service_leg_it_is_unknown(connection: int) -> None:
    """Neither side of the balancer may be missing."""
    builder = TraceBuilder()
    builder.sign_in()

    assert (
        result_of(V07, without_keys(builder.build(), connection), CLUSTER).outcome
        is Outcome.UNKNOWN
    )
