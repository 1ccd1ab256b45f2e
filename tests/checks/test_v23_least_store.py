"""V23: nothing without a tunnel, and not too much."""

from __future__ import annotations

import pytest

from harness.checks.v23_least_store import V23
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, N1, N2, VIP, TraceBuilder, make_pem, make_random

SMALL = CLUSTER.model_copy(update={"store_limit": 2})


def _read(*, opened: bool) -> TraceBuilder:
    """A certificate handed out for a port of no tunnel."""
    builder = TraceBuilder()
    builder.tunnel(certificate=ALICE)
    port = 40000
    if opened:
        builder.open("dmz", N2, VIP, 443, source=port).handshake(make_random("lone"))
    builder.call_back(N1, N2, key=port, answer=(200, make_pem(ALICE)))
    return builder


def test_a_sign_in_passes() -> None:
    """Handed out for a live tunnel."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V23, builder).outcome is Outcome.PASS


def test_a_certificate_without_a_tunnel_fails() -> None:
    """F08 F12: question and answer are the evidence."""
    builder = _read(opened=False)

    (finding,) = result_of(V23, builder).findings
    assert "port 40000, which carried no tunnel" in finding.message
    assert finding.packets == tuple(builder.wires[-1].packets[-2:])


def _tunnels(count: int, *, ended: bool) -> TraceBuilder:
    builder = TraceBuilder(SMALL)
    for _ in range(count):
        _, l2, _ = builder.tunnel(certificate=ALICE)
        if ended:
            l2.end()
    return builder


@pytest.mark.parametrize(
    ("count", "ended", "outcome"),
    [(2, False, Outcome.PASS), (4, True, Outcome.PASS), (3, False, Outcome.FAIL)],
    ids=["as many as allowed", "one after the other", "one too many"],
)
def test_tunnels_at_the_same_time_are_bounded(count: int, ended: bool, outcome: Outcome) -> None:
    """F11: counted at each node."""
    assert result_of(V23, _tunnels(count, ended=ended)).outcome is outcome


def test_a_connection_of_an_unknown_tunnel_is_unknown() -> None:
    """A tunnel may be behind it."""
    assert result_of(V23, _read(opened=True)).outcome is Outcome.UNKNOWN


def test_tunnels_that_cannot_be_read_are_unknown() -> None:
    """There may be too many."""
    trace = without_keys(_tunnels(3, ended=False).build(), connection=2)

    assert result_of(V23, trace, SMALL).outcome is Outcome.UNKNOWN
