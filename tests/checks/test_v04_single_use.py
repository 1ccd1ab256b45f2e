"""V04: read once."""

from __future__ import annotations

from harness.checks.v04_single_use import V04
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys
from tests.trace_builder import (
    CLUSTER,
    N1,
    N2,
    N3,
    VIP,
    TraceBuilder,
    make_pem,
    make_random,
)


def _twice() -> TraceBuilder:
    """F09: the same certificate again, for nobody."""
    builder = TraceBuilder()
    legs = builder.sign_in(certificate=ALICE)
    builder.call_back(N1, N2, key=legs.l3.client.port, answer=(200, make_pem(ALICE)))
    return builder


def test_one_read_for_each_login_passes() -> None:
    """Two devices, one question each."""
    builder = TraceBuilder()
    builder.sign_in()
    builder.sign_in()

    assert result_of(V04, builder).outcome is Outcome.PASS


def test_a_second_read_by_the_same_login_fails() -> None:
    """F09: both answers are the evidence."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel(certificate=ALICE)
    target = builder.login()
    true = (("RemotePort", str(l3.client.port).encode()), ("X-Forwarded-For", str(N2).encode()))
    at_front = l3.ask(target)
    l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random("l4"))
    request = l4.ask(target, headers=true)
    answer = (200, make_pem(ALICE))
    reads = [builder.call_back(N1, N2, key=l3.client.port, answer=answer) for _ in range(2)]
    builder.finish(l3, at_front, l4, request, user="alice@example.com")

    (finding,) = result_of(V04, builder).findings
    assert "which it had handed out before" in finding.message
    assert {read.packets[-1] for read in reads} <= set(finding.packets)


def test_a_second_read_of_which_the_cause_is_not_known_is_unknown() -> None:
    """It may be another login of the same tunnel."""
    assert result_of(V04, _twice()).outcome is Outcome.UNKNOWN


def test_a_login_sent_to_two_nodes_fails() -> None:
    """F41: the balancer asked once more elsewhere."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel(certificate=ALICE)
    target = builder.login()
    l3.answer(l3.ask(target), 504)
    for node in (N1, N3):
        builder.open("dmz", VIP, node, 443).handshake(make_random(str(node))).ask(target)

    (finding,) = result_of(V04, builder).findings
    assert "sent 1 sign-in 2 times: to node1" in finding.message


def test_call_backs_that_cannot_be_read_are_unknown() -> None:
    """There may have been two."""
    builder = TraceBuilder()
    builder.sign_in()

    trace = without_keys(builder.build(), connection=len(builder.wires))
    assert result_of(V04, trace, CLUSTER).outcome is Outcome.UNKNOWN
