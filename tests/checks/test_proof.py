"""Proof: given, not given, or not known."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checks.case import Case
from harness.checks.proof import Proof
from harness.net.address import Address
from harness.trace.tls import Ticket
from tests.checks.examining import make_case
from tests.trace_builder import GALAXY, N2, PIXEL, TraceBuilder, make_certificate, make_random

ALICE = make_certificate("alice@example.com")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"certificate": ALICE}, Proof.GIVEN, id="certificate and proof"),
        pytest.param(
            {"certificate": ALICE, "certificate_verify": None}, Proof.NONE, id="certificate alone"
        ),
        pytest.param({}, Proof.NONE, id="empty"),
        pytest.param({"decrypted": "no"}, Proof.UNKNOWN, id="not decrypted"),
        pytest.param({"resumed": True}, Proof.UNKNOWN, id="resumed, ancestor unknown"),
        pytest.param(
            {"resumed": True, "session_id": b"other"}, Proof.UNKNOWN, id="resumed, other session"
        ),
        pytest.param({"resumed": True, "session_id": b"session"}, Proof.GIVEN, id="resumed"),
    ],
)
def test_find_proof(facts: dict[str, Any], expected: Proof) -> None:
    """After a full TLS 1.2 handshake of session `session` at the same port."""
    builder = TraceBuilder()
    for own in ({"certificate": ALICE, "issued_session_id": b"session", "version": 0x0303}, facts):
        builder.open("dmz", PIXEL, N2, 5262).handshake(make_random("x"), asks=True, **own)
    case = make_case(builder)

    assert case.proofs.find_proof(case.trace.connections[1]) is expected


def _resumed_by_ticket(*, tickets: tuple[str, ...], device: Address = PIXEL) -> Case:
    """A full handshake that gave a ticket, one resumed with it that gave another, and one with that."""
    builder = TraceBuilder()

    def give(*names: str) -> tuple[Ticket, ...]:
        return tuple(Ticket(sha256=name) for name in names)

    for client, own in (
        (PIXEL, {"certificate": ALICE, "tickets": give(*tickets)}),
        (PIXEL, {"resumed": True, "resumed_ticket": "one", "tickets": give("two")}),
        (device, {"resumed": True, "resumed_ticket": "two", "session_id": b"random"}),
    ):
        facts: dict[str, Any] = dict(own)
        builder.open("dmz", client, N2, 5262).handshake(make_random("x"), **facts)
    return make_case(builder)


def test_a_ticket_names_its_session() -> None:
    """Also over several resumptions, to the certificate that was proved at first."""
    case = _resumed_by_ticket(tickets=("zero", "one"))
    last = case.trace.connections[2]

    assert (case.proofs.find_proof(last), case.proofs.find_shown(last)) == (Proof.GIVEN, ALICE)


@pytest.mark.parametrize(
    ("tickets", "device"), [(("zero",), PIXEL), (("one",), GALAXY)], ids=["unknown", "stolen"]
)
def test_a_ticket_of_nobody_proves_nothing(tickets: tuple[str, ...], device: Address) -> None:
    """Never seen, or given to another device."""
    case = _resumed_by_ticket(tickets=tickets, device=device)
    last = case.trace.connections[2]

    assert (case.proofs.find_proof(last), case.proofs.find_shown(last)) == (Proof.UNKNOWN, None)


def test_a_session_of_another_listener_proves_nothing() -> None:
    """F70: a session of another node is no ancestor."""
    builder = TraceBuilder()
    builder.open("dmz", PIXEL, builder.site.nodes["node1"], 5262).handshake(
        make_random("a"), certificate=ALICE, asks=True, issued_session_id=b"session", version=0x0303
    )
    builder.open("dmz", PIXEL, N2, 5262).handshake(
        make_random("b"), resumed=True, session_id=b"session"
    )
    case = make_case(builder)

    assert case.proofs.find_proof(case.trace.connections[1]) is Proof.UNKNOWN


def test_the_certificate_that_was_shown() -> None:
    """Its own or its ancestor's; none where the client showed several, one after the other."""
    builder = TraceBuilder()
    for own in (
        {"certificate": ALICE, "issued_session_id": b"session", "version": 0x0303},
        {"resumed": True, "session_id": b"session"},
        {"certificate": ALICE, "later_client_certificates": ((make_certificate("bob"),),)},
        {},
    ):
        builder.open("dmz", PIXEL, N2, 5262).handshake(make_random("x"), asks=True, **own)  # type: ignore[arg-type]
    case = make_case(builder)

    assert [case.proofs.find_shown(c) for c in case.trace.connections] == [ALICE, ALICE, None, None]


def test_without_tls_nothing_is_proved() -> None:
    """Plain HTTP is no proof; bytes that nobody understands are not known."""
    builder = TraceBuilder()
    builder.open("dmz", PIXEL, N2, 5262).connect("x:443")
    builder.open("dmz", PIXEL, N2, 5262).send(from_client=True)
    case = make_case(builder)

    assert [case.proofs.find_proof(c) for c in case.trace.connections] == [
        Proof.NONE,
        Proof.UNKNOWN,
    ]
    assert case.proofs.find_shown(case.trace.connections[0]) is None


def test_every_certificate_that_was_shown() -> None:
    """Also those of a renegotiation; the ancestor's for a resumed session."""
    builder = TraceBuilder()
    bob = make_certificate("bob")
    for own in (
        {"certificate": ALICE, "issued_session_id": b"session", "version": 0x0303},
        {"resumed": True, "session_id": b"session"},
        {"certificate": ALICE, "later_client_certificates": ((bob,), ())},
        {},
    ):
        builder.open("dmz", PIXEL, N2, 5262).handshake(make_random("x"), asks=True, **own)  # type: ignore[arg-type]
    case = make_case(builder)

    shown = [case.proofs.find_all_shown(c) for c in case.trace.connections]
    assert shown == [(ALICE,), (ALICE,), (ALICE, bob), ()]
