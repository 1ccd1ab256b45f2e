"""V26: success or a definite refusal, in time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.checks.check import examine
from harness.checks.v26_liveness import V26
from harness.site.sign_in import build_apps_target
from harness.trace.tls import Alert, Seen
from harness.verdict.outcome import Outcome
from tests.checks.examining import NOTE, make_case, result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_packet
from tests.trace_builder import CLUSTER, N1, N2, PIXEL, RST, VIP, TraceBuilder, make_random

LIMIT_NS = CLUSTER.answer_timeout_s * 1_000_000_000


def test_a_sign_in_passes() -> None:
    """Answered and closed."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V26, builder).outcome is Outcome.PASS


def test_a_syn_without_answer_fails() -> None:
    """F91: the port is blocked on the way."""
    builder = TraceBuilder()
    wire = builder.open("outside", PIXEL, VIP, 5262, answered=False)

    (finding,) = result_of(V26, builder).findings
    assert "got no answer to its SYN" in finding.message
    assert finding.packets == (wire.packets[0],)


OTHERS, OWN = b"another authority", b"the authority of the users"


@pytest.mark.parametrize(
    ("asked", "shown", "expected"),
    [
        ((OTHERS,), False, 1),
        ((OTHERS, OWN), False, 0),
        ((), False, 0),
        ((OTHERS,), True, 0),
    ],
    ids=["others", "own among them", "anybody", "shown all the same"],
)
def test_a_device_that_is_asked_for_certificates_of_others_fails(
    asked: tuple[bytes, ...], shown: bool, expected: int
) -> None:
    """F81: whoever shows none although the right ones were asked for has itself to blame."""
    builder = TraceBuilder()
    wire = builder.open("outside", PIXEL, VIP, 5262)
    certificate = ALICE if shown else None
    wire.handshake(
        make_random("x"), certificate=certificate, asks=True, requested_authorities=asked
    ).end()
    case = make_case(builder, note=replace(NOTE, user_names=(OWN,)))

    findings = examine(V26, case).findings
    assert len(findings) == expected
    assert ["it was asked for those of 1 authorities" in f.message for f in findings] == [
        True
    ] * expected


def test_whose_the_users_certificates_are_must_be_known() -> None:
    """Without the note of a run nobody can say that others were asked for."""
    builder = TraceBuilder()
    wire = builder.open("outside", PIXEL, VIP, 5262)
    wire.handshake(make_random("x"), asks=True, requested_authorities=(OTHERS,)).end()

    assert result_of(V26, builder).findings == ()


def _detour(*, answered: bool = False, port: int = 443, later_s: int = 0) -> TraceBuilder:
    """A node asks the balancer, and another node answers the same port of it, on another segment."""
    builder = TraceBuilder()
    asked = builder.open("dmz", N2, VIP, 443, answered=answered)
    builder.now_ns += later_s * 1_000_000_000
    builder.next_port(asked.client.port)
    builder.open("inside", N2, N1, port).reset()
    return builder


def test_an_answer_past_the_balancer_fails() -> None:
    """F35: from a machine that was not asked."""
    builder = _detour()

    (finding,) = result_of(V26, builder).findings
    assert "got the answer of node1 10.20.1.1:443, which it had not asked" in finding.message
    assert builder.wires[0].packets[0] in finding.packets
    assert builder.wires[1].syn_ack[0] in finding.packets


@pytest.mark.parametrize(
    "facts",
    [{"answered": True}, {"port": 5263}, {"later_s": 60}],
    ids=["the balancer answered", "another port", "much later"],
)
def test_a_port_that_is_used_again_is_no_detour(facts: dict[str, Any]) -> None:
    """Two connections from one port are nothing special."""
    assert result_of(V26, _detour(**facts)).findings == ()


def test_a_syn_that_is_reset_passes() -> None:
    """A definite refusal."""
    builder = TraceBuilder()
    wire = builder.open("outside", PIXEL, VIP, 5262, answered=False)
    wire.send(from_client=False, flags=RST, size=0)
    trace = builder.build()
    (connection,) = trace.connections

    refused = replace(trace, connections=(replace(connection, closed="rst"),))
    assert result_of(V26, refused, CLUSTER).outcome is Outcome.PASS


def _slow(*, over: bool, complete: bool = True, asks: bool = True) -> TraceBuilder:
    """A request that is answered about when the limit is over."""
    builder = TraceBuilder()
    wire = builder.open("outside", PIXEL, VIP, 443).handshake(make_random("slow"))
    if asks:
        wire.ask("/", complete=complete)
    builder.now_ns += LIMIT_NS if over else LIMIT_NS // 2
    if complete and asks:
        wire.answer(0, 200)
    return builder


@pytest.mark.parametrize(
    ("builder", "expected"),
    [
        (_slow(over=True), "30 s after its request"),
        (_slow(over=True, complete=False), "30 s after the rest of its request"),
        (_slow(over=True, asks=False), "30 s after its first request"),
    ],
    ids=["no answer", "F87 slow head", "no request"],
)
def test_too_long_a_wait_fails(builder: TraceBuilder, expected: str) -> None:
    """Whoever made it long."""
    (finding,) = result_of(V26, builder).findings

    assert expected in finding.message


@pytest.mark.parametrize("complete", [True, False])
def test_a_wait_within_the_limit_passes(complete: bool) -> None:
    """Answered, or broken off."""
    assert result_of(V26, _slow(over=False, complete=complete)).outcome is Outcome.PASS


def test_a_connection_that_nobody_closed_fails() -> None:
    """Open when everything else had ended."""
    builder = TraceBuilder()
    wire = builder.open("outside", PIXEL, VIP, 443).handshake(make_random("open"))
    wire.is_over = True

    (finding,) = result_of(V26, builder).findings
    assert "still open at the end" in finding.message


@pytest.mark.parametrize(
    ("sni", "outcome"), [("access.example.com", Outcome.FAIL), ("files", Outcome.PASS)]
)
def test_a_device_that_cannot_trust_the_service_fails(sni: str, outcome: Outcome) -> None:
    """F65: it asked for the service by name; of other names nothing is promised."""
    builder = TraceBuilder()
    wire = builder.open("outside", PIXEL, VIP, 443)
    number = wire.send(from_client=True)
    seen = Seen(time_ns=builder.now_ns, packets=(number,))
    alert = Alert(sender="client", level=2, description=48, name="unknown_ca", seen=seen)
    wire.handshake(make_random("alert"), sni=sni, alerts=(alert,))

    assert result_of(V26, builder).outcome is outcome


def test_a_balancer_s_own_name_counts_too() -> None:
    """B08: devices come by either."""
    site = CLUSTER.model_copy(update={"names": {"lb1.example.com": VIP}})
    builder = TraceBuilder(site)
    wire = builder.open("outside", PIXEL, VIP, 443)
    number = wire.send(from_client=True)
    seen = Seen(time_ns=builder.now_ns, packets=(number,))
    alert = Alert(sender="client", level=2, description=46, name="certificate_unknown", seen=seen)
    wire.handshake(make_random("alert"), sni="lb1.example.com", alerts=(alert,))

    assert result_of(V26, builder).outcome is Outcome.FAIL


@pytest.mark.parametrize(("rounds", "outcome"), [(1, Outcome.PASS), (2, Outcome.FAIL)])
def test_a_login_loop_fails(rounds: int, outcome: Outcome) -> None:
    """F40: fresh sessions that the next node does not know, twice."""
    builder = TraceBuilder()
    for number in range(rounds):
        legs = builder.sign_in(certificate=ALICE)
        target, cookie = build_apps_target(f"{number:032x}"), (("Cookie", legs.cookie),)
        at_front = legs.l3.ask(target, headers=cookie)
        l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random(f"other {number}"))
        l4.answer(l4.ask(target, headers=cookie), 401)
        legs.l3.answer(at_front, 401)

    assert result_of(V26, builder).outcome is outcome


def test_an_end_that_was_lost_is_unknown() -> None:
    """The recorder may have missed it."""
    builder = TraceBuilder()
    builder.sign_in()
    trace = builder.build()
    fin = trace.connections[0].packets[-1]

    assert result_of(V26, without_packet(trace, fin), CLUSTER).outcome is Outcome.UNKNOWN


def test_a_head_that_is_waited_for_too_long_fails() -> None:
    """F87: it never ended, so that there is no request, and the answer comes too late."""
    builder = TraceBuilder(CLUSTER.model_copy(update={"answer_timeout_s": 1}))
    wire = builder.open("outside", PIXEL, VIP, 5262).handshake(make_random("slow"))
    asked = wire.ask("/")
    builder.now_ns += 3_000_000_000
    wire.answer(asked, 408)
    wire.exchanges[0] = replace(wire.exchanges[0], request=None)

    (finding,) = result_of(V26, builder).findings
    assert "1 s after the rest of its first request" in finding.message
    assert finding.packets == wire.syn
