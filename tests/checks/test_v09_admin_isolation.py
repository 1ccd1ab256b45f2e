"""V09: who reaches an admin port, and where certificates are handed out."""

from __future__ import annotations

from harness.checks.v09_admin_isolation import V09
from harness.net.address import Address
from harness.site.callback import build_target
from harness.site.page import Port
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.lost_evidence import without_keys
from tests.trace_builder import (
    ATTACKER,
    CLUSTER,
    N1,
    N2,
    PIXEL,
    SINGLE,
    VIP,
    TraceBuilder,
    make_random,
    make_site,
)

ONE_PORT = make_site(
    service=None,
    nodes=("node1",),
    allow_remote_port_header=False,
    ports=(Port(port=5262, admin_port=True),),
)
NO_ADMIN_PORT = make_site(
    service=None, nodes=("node1",), allow_remote_port_header=False, ports=(Port(port=5262),)
)


def test_call_backs_between_nodes_pass() -> None:
    """From another node, and from the node itself over its loopback."""
    builder = TraceBuilder()
    builder.sign_in(node=N2, access=N1)
    builder.sign_in(node=N1, access=N1)

    assert result_of(V09, builder).outcome is Outcome.PASS


def test_a_stranger_who_is_accepted_fails() -> None:
    """F47: the SYN and the SYN-ACK are the evidence; no key is needed."""
    builder = TraceBuilder()
    wire = builder.open("inside", ATTACKER, N2, 5263)

    (finding,) = result_of(V09, builder).findings
    assert "mallory 10.20.7.7" in finding.message
    assert finding.packets == tuple(wire.packets[:2])


def test_a_balancer_that_is_accepted_fails() -> None:
    """F38: it forwards what comes from outside."""
    builder = TraceBuilder()
    builder.open("dmz", VIP, N2, 5263)

    assert result_of(V09, builder).outcome is Outcome.FAIL


def test_a_stranger_without_answer_passes() -> None:
    """The SYN alone breaks nothing."""
    builder = TraceBuilder()
    builder.open("inside", ATTACKER, N2, 5263, answered=False)

    assert result_of(V09, builder).outcome is Outcome.PASS


def test_a_certificate_from_a_proxy_port_fails() -> None:
    """F45: request and answer are the evidence."""
    builder = TraceBuilder()
    legs = builder.sign_in(asked_port=5262)
    assert legs.l5 is not None

    (finding,) = result_of(V09, builder).findings
    assert "5262, which has Admin Port off" in finding.message
    assert finding.packets == tuple(legs.l5.packets[-2:])


def test_a_refused_certificate_request_passes() -> None:
    """404 on a proxy port gives nothing away."""
    builder = TraceBuilder()
    builder.call_back(N1, N2, port=5262, key=40000, answer=(404, b""))

    assert result_of(V09, builder).outcome is Outcome.PASS


def _asked(builder: TraceBuilder, client: Address, status: int) -> TraceBuilder:
    wire = builder.open("outside", client, N1, 5262).handshake(make_random(str(client)))
    wire.answer(wire.ask(build_target(40000)), status)
    return builder


def test_one_port_for_all_passes_when_nodes_ask() -> None:
    """5262 as the only port of a single node, with Admin Port on or no admin port at all."""
    built = []
    for site in (ONE_PORT, NO_ADMIN_PORT):
        builder = TraceBuilder(site)
        builder.open("outside", PIXEL, N1, 5262)
        builder.call_back(N1, N1, port=5262, key=40000, answer=(200, b""))
        built.append(result_of(V09, builder).outcome)

    assert built == [Outcome.PASS, Outcome.PASS]


def test_one_port_for_all_fails_when_a_device_gets_a_certificate() -> None:
    """F46: the port is open to devices, its certificates are not."""
    outcomes = [
        result_of(V09, _asked(TraceBuilder(site), PIXEL, 200)).outcome
        for site in (ONE_PORT, NO_ADMIN_PORT)
    ]

    assert outcomes == [Outcome.FAIL, Outcome.FAIL]
    assert result_of(V09, _asked(TraceBuilder(ONE_PORT), PIXEL, 403)).outcome is Outcome.PASS


def test_a_certificate_from_the_service_port_fails() -> None:
    """443 has no Admin Port either."""
    builder = TraceBuilder(SINGLE)
    wire = builder.open("outside", ATTACKER, N1, 443).handshake(make_random("attack"))
    wire.answer(wire.ask(build_target(40000)), 200)

    assert result_of(V09, builder).outcome is Outcome.FAIL


def test_a_proxy_connection_that_cannot_be_read_is_unknown() -> None:
    """It may have handed out anything."""
    builder = TraceBuilder()
    builder.sign_in()

    assert (
        result_of(V09, without_keys(builder.build(), connection=2), CLUSTER).outcome
        is Outcome.UNKNOWN
    )
