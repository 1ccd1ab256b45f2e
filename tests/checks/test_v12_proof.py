"""V12: what a tunnel goes back to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.checks.v12_proof import V12
from harness.trace.certificate import Certificate
from harness.trace.tls import Ticket
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.trace_builder import (
    N1,
    N2,
    N3,
    START_NS,
    VIP,
    TraceBuilder,
    make_certificate,
    make_random,
)

DAY_S = 86_400
LONG = replace(ALICE, not_after_ns=START_NS + 60 * DAY_S * 1_000_000_000)


def _resumed(
    *,
    first: Certificate | None = LONG,
    at: Any = N2,
    ticket: str = "t",
    lifetime_s: int = 60,
    wait_s: int = 0,
    version: int = 0x0304,
) -> TraceBuilder:
    """A tunnel at N2 on a session that began at `at`."""
    builder = TraceBuilder()
    builder.open("dmz", VIP, at, 5262).handshake(
        make_random("first"),
        certificate=first,
        asks=first is not None,
        tickets=(Ticket(sha256="t", lifetime_s=lifetime_s, given_ns=START_NS),),
    )
    builder.now_ns += wait_s * 1_000_000_000
    _, l2, _ = builder.tunnel(certificate=ALICE)
    l2.handshake(make_random("second"), resumed=True, resumed_ticket=ticket, version=version)
    return builder


def test_a_resumed_session_of_a_proof_passes() -> None:
    """Same listener, and the certificate is still good."""
    assert result_of(V12, _resumed()).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("builder", "expected"),
    [
        (_resumed(at=N3), "on a session that began at node3"),
        (_resumed(first=None), "without a proof"),
        (_resumed(first=replace(ALICE, not_after_ns=START_NS)), "not valid any more"),
    ],
    ids=["F70 another listener", "F68 no proof", "F69 expired"],
)
def test_a_session_that_stands_on_nothing_fails(builder: TraceBuilder, expected: str) -> None:
    """The handshake that began it and the tunnel are the evidence."""
    (finding,) = result_of(V12, builder).findings

    assert expected in finding.message
    assert builder.wires[0].packets[0] in finding.packets


@pytest.mark.parametrize(
    ("lifetime_s", "wait_s"),
    [(60, 63), (0, 3), (30 * DAY_S, 7 * DAY_S + 3)],
    ids=["over", "never good", "more than seven days"],
)
def test_a_ticket_after_its_lifetime_fails(lifetime_s: int, wait_s: int) -> None:
    """RFC 8446 section 4.6.1: as long as it says, and seven days at most."""
    (finding,) = result_of(V12, _resumed(lifetime_s=lifetime_s, wait_s=wait_s)).findings

    assert f"with a ticket that was {wait_s} s old and good for" in finding.message


@pytest.mark.parametrize(
    ("lifetime_s", "wait_s", "version"),
    [(60, 59, 0x0304), (7 * DAY_S, 7 * DAY_S - 1, 0x0304), (60, 3600, 0x0303), (0, 3600, 0x0303)],
    ids=["just good", "seven days", "RFC 5077: a hint", "RFC 5077: not told"],
)
def test_a_ticket_within_its_lifetime_passes(lifetime_s: int, wait_s: int, version: int) -> None:
    """Before TLS 1.3 the server may take it for longer than it said."""
    builder = _resumed(lifetime_s=lifetime_s, wait_s=wait_s, version=version)

    assert result_of(V12, builder).outcome is Outcome.PASS


def _resumed_by_id(*, at: Any = N2, version: int = 0x0303, first: bytes = b"one") -> TraceBuilder:
    """A tunnel at N2 on the session of that id, of a proof at `at`."""
    builder = TraceBuilder()
    builder.open("dmz", VIP, at, 5262).handshake(
        make_random("first"), certificate=LONG, asks=True, issued_session_id=first, version=version
    )
    _, l2, _ = builder.tunnel(certificate=ALICE)
    l2.handshake(make_random("second"), resumed=True, session_id=b"one", version=version)
    return builder


def test_a_session_may_go_on_by_its_id() -> None:
    """RFC 5246 section 7.3: no ticket, and the same listener knows it."""
    assert result_of(V12, _resumed_by_id()).outcome is Outcome.PASS
    assert result_of(V12, _resumed_by_id(first=b"two")).outcome is Outcome.UNKNOWN


def test_a_session_of_another_node_fails_by_its_id() -> None:
    """As with a ticket: the proof was given elsewhere."""
    (finding,) = result_of(V12, _resumed_by_id(at=N3)).findings

    assert "on a session that began at node3" in finding.message


def test_early_data_fails() -> None:
    """F71: a CONNECT that anybody can send again."""
    builder = TraceBuilder()
    _, l2, _ = builder.tunnel(certificate=ALICE)
    l2.handshake(make_random("early"), certificate=ALICE, asks=True, early_data="accepted")

    (finding,) = result_of(V12, builder).findings
    assert "early data" in finding.message


def test_a_certificate_that_nobody_proved_fails() -> None:
    """F54: handed out at a node that never saw it in a handshake."""
    builder = TraceBuilder()
    builder.sign_in(handed=make_certificate("mallory@example.com"))

    (finding,) = result_of(V12, builder).findings
    assert "which nobody had proved at that node" in finding.message


def test_a_session_of_unknown_origin_is_unknown() -> None:
    """Its first handshake was before the capture."""
    assert result_of(V12, _resumed(ticket="other")).outcome is Outcome.UNKNOWN


def test_a_sign_in_passes() -> None:
    """Handed out what was proved."""
    builder = TraceBuilder()
    builder.sign_in(access=N1)

    assert result_of(V12, builder).outcome is Outcome.PASS


def test_a_certificate_that_was_proved_later_passes() -> None:
    """Shown by renegotiation: that the device has two is V13's."""
    builder = TraceBuilder()
    bob = make_certificate("bob@example.com")
    journey = builder.sign_in(handed=bob)
    for wire in (journey.l1, journey.l2):
        wire.handshake(
            make_random("again"), certificate=ALICE, asks=True, later_client_certificates=((bob,),)
        )

    assert result_of(V12, builder).findings == ()
