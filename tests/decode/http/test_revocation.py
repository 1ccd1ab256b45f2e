"""OCSP messages and CRLs are read; what cannot be is said."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import IPv4Address

import pytest

from harness.decode.http.revocation import find_answer, find_query
from harness.trace.http import Header
from harness.trace.revocation import StatusAnswer
from harness.world.pki.pki import Pki
from harness.world.pki.revocation import Manner
from tests.world.handshake import der_of

NOW_NS = 1_780_000_000 * 1_000_000_000
HOUR_NS, MINUTE_NS = 3_600_000_000_000, 60_000_000_000
NONCE = bytes(range(16))
PKI = Pki(fqdn="access.example.com", nodes={"n1": IPv4Address("10.20.1.1")}, now_ns=NOW_NS)
GOOD, REVOKED = (PKI.device_identity(f"{user}@example.com") for user in ("alice", "bob"))
PKI.revoke(REVOKED)


def typed(media_type: str) -> tuple[Header, ...]:
    """The header lines of a body."""
    return (Header(name=b"content-TYPE", value=media_type.encode()),)


OCSP_QUERY = typed("application/ocsp-request")
OCSP_ANSWER = typed("application/ocsp-response; x=y")
CRL = typed("application/pkix-crl")


def ask(*, manner: Manner = "right", revoked: bool = False) -> tuple[bytes, bytes, int]:
    """Query, answer and serial number."""
    chain = der_of(REVOKED if revoked else GOOD)
    query = PKI.revocation_judge.build_query(chain, nonce=NONCE)
    found = find_query(OCSP_QUERY, query)
    assert found is not None
    assert found.nonce == NONCE
    return query, PKI.revocation.answer(query, manner=manner), found.serial_number


@pytest.mark.parametrize(
    ("manner", "revoked", "status", "nonce", "age_ns"),
    [
        ("right", False, "good", NONCE, 5 * MINUTE_NS),
        ("right", True, "revoked", NONCE, 5 * MINUTE_NS),
        ("unknown", True, "unknown", NONCE, 5 * MINUTE_NS),
        ("other_nonce", False, "good", bytes(16), 5 * MINUTE_NS),
        ("expired", False, "good", NONCE, 2 * HOUR_NS),
    ],
)
def test_an_ocsp_answer(
    manner: Manner, revoked: bool, status: str, nonce: bytes, age_ns: int
) -> None:
    """Serial number, status, nonce and times."""
    _, answer, serial_number = ask(manner=manner, revoked=revoked)

    assert find_answer(OCSP_ANSWER, answer) == StatusAnswer(
        protocol="ocsp",
        serial_number=serial_number,
        status=status,  # type: ignore[arg-type]
        nonce=nonce,
        this_update_ns=NOW_NS - age_ns,
        next_update_ns=NOW_NS - age_ns + HOUR_NS,
    )


def test_a_refusal() -> None:
    """It says why."""
    _, answer, _ = ask(manner="try_later")

    assert find_answer(OCSP_ANSWER, answer) == StatusAnswer(protocol="ocsp", problem="try_later")


def test_a_list() -> None:
    """Every serial number in it."""
    *_, serial_number = ask(revoked=True)

    assert find_answer(CRL, PKI.revocation.build_crl()) == StatusAnswer(
        protocol="crl",
        revoked=frozenset({serial_number}),
        this_update_ns=NOW_NS - 5 * MINUTE_NS,
        next_update_ns=NOW_NS + 55 * MINUTE_NS,
    )


@pytest.mark.parametrize("headers", [OCSP_ANSWER, CRL], ids=["OCSP", "CRL"])
def test_cut_bodies_are_not_readable(headers: tuple[Header, ...]) -> None:
    """At every length; nothing raises."""
    whole = PKI.revocation.build_crl() if headers is CRL else ask()[1]
    found = [find_answer(headers, whole[:size]) for size in range(1, len(whole))]

    assert {one.problem.partition(":")[0] for one in found if one and one.problem} == {
        "not readable"
    }
    assert None not in found


def test_other_bodies_are_none() -> None:
    """By their type, or by how they begin."""
    query, answer, _ = ask()

    assert find_answer(typed("text/html"), answer) is None
    assert find_answer(OCSP_ANSWER, b"<html>") is None
    assert find_answer((), answer) is None
    assert find_query(OCSP_ANSWER, query) is None
    assert find_query(OCSP_QUERY, query[:-1]) is None


def test_captures_without_any_load_nothing_for_them() -> None:
    """cryptography.x509 takes as long to load as a small capture takes to read."""
    script = "import sys, harness.decode.layers; sys.exit('harness.decode.http.status_message' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
