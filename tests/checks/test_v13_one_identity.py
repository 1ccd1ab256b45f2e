"""V13: one certificate for life."""

from __future__ import annotations

from harness.checks.v13_one_identity import V13
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, TraceBuilder, make_certificate, make_random

BOB = make_certificate("bob@example.com")


def _shown_again(*later: object) -> TraceBuilder:
    builder = TraceBuilder()
    l1, l2, _ = builder.tunnel(certificate=ALICE)
    for wire in (l1, l2):
        wire.handshake(
            make_random("again"),
            certificate=ALICE,
            asks=True,
            later_client_certificates=tuple((one,) for one in later),
        )
    return builder


def test_the_same_certificate_again_passes() -> None:
    """Asked twice, answered alike."""
    assert result_of(V13, _shown_again(ALICE)).outcome is Outcome.PASS


def test_another_certificate_fails_once() -> None:
    """F72 F73: judged at the node, not again at the balancer."""
    builder = _shown_again(BOB)

    (finding,) = result_of(V13, builder).findings
    assert f"{ALICE.sha256[:16]} first, and {BOB.sha256[:16]} later" in finding.message
    assert finding.endpoints == (builder.wires[1].client, builder.wires[1].server)
    assert set(finding.packets) & set(builder.wires[1].packets)


def test_a_connection_that_cannot_be_read_is_unknown() -> None:
    """What it showed later is in the dark."""
    trace = without_keys(_shown_again(BOB).build(), connection=2)

    assert result_of(V13, trace, CLUSTER).outcome is Outcome.UNKNOWN
