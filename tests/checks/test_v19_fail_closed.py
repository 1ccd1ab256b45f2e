"""V19: no certificate, no user."""

from __future__ import annotations

from harness.checks.v19_fail_closed import V19
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, N1, N2, VIP, TraceBuilder, Wire, make_pem, make_random

GIVEN = (200, make_pem(ALICE))


def _sign_in(*asked: tuple[int, tuple[int, bytes]], late: bool = False) -> TraceBuilder:
    """A sign-in that succeeds after these call-backs: offset of the port, and the answer."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel(certificate=ALICE)
    target = builder.login()
    at_front = l3.ask(target)
    l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random("l4"))
    port = l3.client.port
    true = (("RemotePort", str(port).encode()), ("X-Forwarded-For", str(N2).encode()))
    request = l4.ask(target, headers=true)
    wires: list[Wire] = []
    for offset, answer in asked:
        wires.append(builder.call_back(N1, N2, key=port + offset, answer=None if late else answer))
    builder.finish(l3, at_front, l4, request, user="alice@example.com")
    for wire, (_, answer) in zip(wires, asked, strict=True):
        if late:
            wire.answer(0, *answer)
    return builder


def test_a_certificate_in_time_passes() -> None:
    """Asked once, answered, signed in."""
    assert result_of(V19, _sign_in((0, GIVEN))).outcome is Outcome.PASS


def test_a_success_after_a_refusal_fails() -> None:
    """Somebody's certificate was still in a cache."""
    builder = _sign_in((0, (404, b"")))
    (finding,) = result_of(V19, builder).findings

    assert "was answered 404" in finding.message
    assert set(finding.packets) & set(builder.wires[-1].packets)


def test_a_success_before_the_answer_fails() -> None:
    """It came too late."""
    (finding,) = result_of(V19, _sign_in((0, GIVEN), late=True)).findings

    assert "was answered too late" in finding.message


def test_a_success_without_a_question_fails() -> None:
    """No node was asked."""
    (finding,) = result_of(V19, _sign_in()).findings

    assert "asked no node" in finding.message


def test_a_second_guess_fails() -> None:
    """Another port after a refusal: both questions are the evidence."""
    builder = _sign_in((0, (404, b"")), (7, GIVEN))
    messages = [f.message for f in result_of(V19, builder).findings]

    assert any("and then" in message for message in messages)
    assert any("nor the peer of the request names" in message for message in messages)


def test_a_refused_sign_in_passes() -> None:
    """Nothing came, nobody is signed in."""
    builder = TraceBuilder()
    builder.sign_in(status=403)

    assert result_of(V19, builder).outcome is Outcome.PASS


def test_a_port_that_nobody_named_fails() -> None:
    """F22: a header by another name was read."""
    builder = TraceBuilder()
    builder.sign_in(remote_port=(), headers=(("Remote_Port", b"40000"),), key=40000, status=403)

    (finding,) = result_of(V19, builder).findings
    assert "port 40000, which neither RemotePort nor the peer" in finding.message


def test_call_backs_that_cannot_be_read_are_unknown() -> None:
    """The certificate may be in there."""
    builder = _sign_in((0, GIVEN))

    trace = without_keys(builder.build(), connection=len(builder.wires))
    assert result_of(V19, trace, CLUSTER).outcome is Outcome.UNKNOWN
