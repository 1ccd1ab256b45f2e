"""V03: from before the first byte until the tunnel ends."""

from __future__ import annotations

from harness.checks.v03_freshness import V03
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys, without_packet
from tests.trace_builder import (
    CLUSTER,
    GALAXY,
    N1,
    N2,
    TraceBuilder,
    make_certificate,
    make_pem,
)

BOB = make_certificate("bob@example.com")


def _read_late() -> TraceBuilder:
    """F08: the tunnel was reset, and its certificate is handed out still."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel(certificate=ALICE)
    l3.reset()
    builder.call_back(N1, N2, key=l3.client.port, answer=(200, make_pem(ALICE)))
    return builder


def test_a_sign_in_passes() -> None:
    """Asked for while the tunnel was open."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V03, builder).outcome is Outcome.PASS


def test_a_read_after_the_end_fails() -> None:
    """F08 F12: what was asked and answered, and the tunnel that had been."""
    builder = _read_late()

    (finding,) = result_of(V03, builder).findings
    assert "after the tunnel of that port had ended" in finding.message
    assert set(builder.wires[-1].packets[-2:]) <= set(finding.packets)


def test_a_read_after_the_end_in_a_lossy_capture_is_unknown() -> None:
    """Another tunnel may have got the port meanwhile, and not be in the file."""
    builder = _read_late()
    unrelated = builder.open("outside", N1, N2, 9).packets[0]
    trace = without_packet(builder.build(), unrelated)

    assert result_of(V03, trace, CLUSTER).outcome is Outcome.UNKNOWN


def test_the_certificate_of_an_earlier_tunnel_fails() -> None:
    """F01: the port is another tunnel's by now."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel(certificate=ALICE)
    l3.end()
    builder.next_port(l3.client.port - 2)
    builder.sign_in(device=GALAXY, certificate=BOB, handed=ALICE)

    (finding,) = result_of(V03, builder).findings
    assert "of an earlier tunnel of the same port" in finding.message


def test_a_certificate_that_is_not_there_yet_fails() -> None:
    """F06: the tunnel was open before anything was stored."""
    builder = TraceBuilder()
    builder.sign_in(status=403)

    (finding,) = result_of(V03, builder).findings
    assert "had no certificate for port" in finding.message


def test_a_second_question_may_find_nothing() -> None:
    """It was handed out before."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    builder.call_back(N1, N2, key=legs.l3.client.port, answer=(404, b""))

    assert result_of(V03, builder).outcome is Outcome.PASS


def test_a_tunnel_without_certificate_has_nothing_to_hand_out() -> None:
    """F67 is V11's."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel(certificate=None)
    builder.call_back(N1, N2, key=l3.client.port, answer=(404, b""))

    assert result_of(V03, builder).outcome is Outcome.PASS


def test_call_backs_that_cannot_be_read_are_unknown() -> None:
    """They may have been too late."""
    builder = _read_late()

    trace = without_keys(builder.build(), connection=len(builder.wires))
    assert result_of(V03, trace, CLUSTER).outcome is Outcome.UNKNOWN


OLD = CLUSTER.model_copy(update={"certificate_lifetime_s": 1})


def _asked_late(status: int) -> TraceBuilder:
    """A call-back two seconds after the tunnel was opened."""
    builder = TraceBuilder(OLD)
    _, _, l3 = builder.tunnel(certificate=ALICE)
    builder.now_ns += 2_000_000_000
    answer = (status, make_pem(ALICE) if status == 200 else b"")
    builder.call_back(N1, N2, key=l3.client.port, answer=answer)
    return builder


def test_a_certificate_that_is_too_old_fails() -> None:
    """The site says how long one can be had."""
    builder = _asked_late(200)

    (finding,) = result_of(V03, builder).findings
    assert "more than 1 s after its tunnel was opened" in finding.message
    assert builder.wires[2].packets[0] in finding.packets


def test_a_certificate_that_is_too_old_may_be_gone() -> None:
    """And without a lifetime it must be there."""
    assert result_of(V03, _asked_late(404)).outcome is Outcome.PASS
    assert result_of(V03, _asked_late(200).build(), CLUSTER).outcome is Outcome.PASS
    assert result_of(V03, _asked_late(404).build(), CLUSTER).outcome is Outcome.FAIL
