"""Revocation: an answer counts when it is signed, of this time, about this certificate, and to this question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from harness.world.pki.pki import Pki
from harness.world.pki.revocation import Manner, StatusError
from harness.world.tls.identity import Identity, VerificationError

NOW = datetime(2026, 6, 1, 12, 0, 30, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 1_000_000_000
HOUR_NS = 3_600_000_000_000
NONCE = bytes(range(16))


class Desk:
    """An authority, and one of its certificates."""

    def __init__(self) -> None:
        self.pki = Pki(
            fqdn="access.example.com", nodes={"n1": IPv4Address("10.20.1.1")}, now_ns=NOW_NS
        )
        self.identity = self.pki.device_identity("alice@example.com")
        self.chain = der_of(self.identity)

    def ask(self, *, manner: Manner = "right", now_ns: int = NOW_NS, nonce: bytes = NONCE) -> None:
        """Ask and judge."""
        judge = self.pki.revocation_judge
        answer = self.pki.revocation.answer(
            judge.build_query(self.chain, nonce=NONCE), manner=manner
        )
        judge.judge_answer(answer, self.chain, nonce=nonce, now_ns=now_ns)


def der_of(identity: Identity) -> tuple[bytes, ...]:
    """The chain as a call-back gives it."""
    pem = identity.chain_pem[0].encode()
    return (x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER),)


def test_a_good_certificate_is_good() -> None:
    """By OCSP and by the list, also after somebody else was revoked."""
    desk = Desk()
    desk.pki.revoke(desk.pki.device_identity("bob@example.com"))

    desk.ask()
    desk.pki.revocation_judge.judge_crl(desk.pki.revocation.build_crl(), desk.chain, now_ns=NOW_NS)


def test_a_revoked_certificate_is_not() -> None:
    """Both say so, and the alert is certificate_revoked."""
    desk = Desk()
    desk.pki.revoke(desk.identity)

    with pytest.raises(VerificationError, match=r"alice@example\.com is revoked") as by_ocsp:
        desk.ask()
    with pytest.raises(VerificationError, match=r"alice@example\.com is revoked") as by_list:
        desk.pki.revocation_judge.judge_crl(
            desk.pki.revocation.build_crl(), desk.chain, now_ns=NOW_NS
        )
    assert (by_ocsp.value.alert, by_list.value.alert) == (44, 44)


@pytest.mark.parametrize(
    ("manner", "told"),
    [
        ("try_later", "try_later"),
        ("expired", "it holds from"),
        ("unknown", "the status is unknown"),
        ("other_nonce", "one to another question"),
    ],
)
def test_a_useless_answer_says_nothing(manner: Manner, told: str) -> None:
    """Each with its reason."""
    with pytest.raises(StatusError, match=told):
        Desk().ask(manner=manner)


def test_an_answer_of_another_time_says_nothing() -> None:
    """The clock of whoever asks counts."""
    with pytest.raises(StatusError, match="it holds from"):
        Desk().ask(now_ns=NOW_NS + 2 * HOUR_NS)
    with pytest.raises(StatusError, match="it holds from"):
        Desk().ask(now_ns=NOW_NS - HOUR_NS)


def test_an_answer_about_another_certificate_says_nothing() -> None:
    """Asked for one, answered for another."""
    desk = Desk()
    other = der_of(desk.pki.device_identity("bob@example.com"))
    judge = desk.pki.revocation_judge
    answer = desk.pki.revocation.answer(judge.build_query(other, nonce=NONCE))

    with pytest.raises(StatusError, match="another certificate"):
        judge.judge_answer(answer, desk.chain, nonce=NONCE, now_ns=NOW_NS)


FLIPS: dict[str, Callable[[bytes], int]] = {
    "contents": lambda der: der.index(ocsp.load_der_ocsp_response(der).tbs_response_bytes) + 40,
    "signature": lambda der: der.index(ocsp.load_der_ocsp_response(der).signature) + 5,
}


@pytest.mark.parametrize("place", FLIPS.values(), ids=FLIPS)
def test_a_changed_answer_says_nothing(place: Callable[[bytes], int]) -> None:
    """One bit is enough."""
    desk = Desk()
    judge = desk.pki.revocation_judge
    answer = desk.pki.revocation.answer(judge.build_query(desk.chain, nonce=NONCE))
    changed = bytearray(answer)
    changed[place(answer)] ^= 1

    with pytest.raises(StatusError):
        judge.judge_answer(bytes(changed), desk.chain, nonce=NONCE, now_ns=NOW_NS)


def test_answers_of_another_authority_say_nothing() -> None:
    """Same names, other keys."""
    desk, other = Desk(), Desk()
    judge = desk.pki.revocation_judge
    answer = other.pki.revocation.answer(judge.build_query(desk.chain, nonce=NONCE))

    with pytest.raises(StatusError, match="signature"):
        judge.judge_answer(answer, desk.chain, nonce=NONCE, now_ns=NOW_NS)
    with pytest.raises(StatusError, match="signature"):
        judge.judge_crl(other.pki.revocation.build_crl(), desk.chain, now_ns=NOW_NS)


@pytest.mark.parametrize("text", [b"", b"0", b"<html>"])
def test_what_is_no_answer_says_nothing(text: bytes) -> None:
    """A web page, say."""
    desk = Desk()
    judge = desk.pki.revocation_judge

    with pytest.raises(StatusError, match="cannot be read"):
        judge.judge_answer(text, desk.chain, nonce=NONCE, now_ns=NOW_NS)
    with pytest.raises(StatusError, match="cannot be read"):
        judge.judge_crl(text, desk.chain, now_ns=NOW_NS)


def test_an_old_list_says_nothing() -> None:
    """It holds for an hour."""
    desk = Desk()

    with pytest.raises(StatusError, match="it holds from"):
        desk.pki.revocation_judge.judge_crl(
            desk.pki.revocation.build_crl(is_expired=True), desk.chain, now_ns=NOW_NS
        )


def test_the_responder_tells_the_time_of_the_run() -> None:
    """ProducedAt is ours, not the machine's, and the signature covers it."""
    desk = Desk()
    query = desk.pki.revocation_judge.build_query(desk.chain, nonce=NONCE)
    response = ocsp.load_der_ocsp_response(desk.pki.revocation.answer(query))

    assert response.produced_at_utc == NOW
    assert response.this_update_utc == NOW - timedelta(minutes=5)
