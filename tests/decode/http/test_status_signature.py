"""Signatures of OCSP answers and CRLs: the authority's, or of whom it named; of nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.decode.http.status_message import read_crl, read_ocsp
from harness.decode.http.status_signature import check_signature, check_signatures
from harness.trace.connection import Connection
from harness.trace.http import Exchange, Response
from harness.trace.trace import Trace
from tests.decode.http.test_revocation import GOOD, PKI, ask
from tests.trace_builder import TraceBuilder
from tests.world.handshake import der_of

AUTHORITY = x509.load_der_x509_certificate(PKI.users.der)
PUBLIC = x509.load_pem_x509_certificate(PKI.root_pem("public").encode())
NOW = AUTHORITY.not_valid_before_utc + timedelta(days=1)
DAY = timedelta(days=1)


def test_an_answer_of_the_named_responder_is_right() -> None:
    """Signed with the key of a certificate that the authority issued for this alone."""
    _, answer, _ = ask()

    assert check_signature("ocsp", answer, (PUBLIC, AUTHORITY)) == "right"
    assert check_signature("ocsp", answer, (PUBLIC,)) == "wrong"


def test_a_forged_answer_is_wrong() -> None:
    """The responder's certificate has the authority's name, and another's signature."""
    _, answer, _ = ask(manner="forged", revoked=True)

    assert read_ocsp(answer).status == "good"
    assert check_signature("ocsp", answer, (AUTHORITY,)) == "wrong"


def test_a_changed_answer_is_wrong() -> None:
    """One bit of its signature."""
    _, answer, _ = ask()
    signature = ocsp.load_der_ocsp_response(answer).signature
    spoilt = answer.replace(signature, bytes([signature[0] ^ 1]) + signature[1:])

    assert check_signature("ocsp", spoilt, (AUTHORITY,)) == "wrong"


def test_a_list_is_the_authoritys_own() -> None:
    """Of another key, or another name, it is none."""
    right = PKI.revocation.build_crl()
    forged = PKI.revocation.build_crl(is_forged=True)

    assert read_crl(forged).revoked == frozenset()
    assert check_signature("crl", right, (PUBLIC, AUTHORITY)) == "right"
    assert check_signature("crl", right, (PUBLIC,)) == "wrong"
    assert check_signature("crl", forged, (AUTHORITY,)) == "wrong"


def test_what_is_no_answer_stays_unchecked() -> None:
    """Nothing raises."""
    assert check_signature("ocsp", b"0\x03", (AUTHORITY,)) == "unchecked"
    assert check_signature("crl", b"", (AUTHORITY,)) == "unchecked"


def make_authority(key: Any, name: str = "Own") -> x509.Certificate:
    """Signed by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())
    )


def make_responder(
    key: Any, issuer: x509.Certificate, issuer_key: Any, *, purpose: Any, since: Any = NOW - DAY
) -> x509.Certificate:
    """A certificate for `purpose`, of an authority with a key of P-256."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Responder")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(8)
        .not_valid_before(since)
        .not_valid_after(NOW + 2 * DAY)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    )
    return builder.sign(issuer_key, SHA256())


def make_answer(
    signer: x509.Certificate, key: Any, about: x509.Certificate, *, has_signer: bool = True
) -> bytes:
    """A good word about one certificate of `about`."""
    leaf = x509.load_der_x509_certificate(der_of(GOOD)[0])
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=leaf,
            issuer=about,
            algorithm=SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=NOW,
            next_update=NOW + DAY,
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
    )
    if has_signer:
        builder = builder.certificates([signer])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate,
    ],
    ids=["P-256", "RSA", "Ed25519"],
)
def test_an_authority_may_sign_itself(make: Callable[[], Any]) -> None:
    """RFC 6960 section 4.2.2.2: without any certificate in the answer."""
    key, other = make(), ec.generate_private_key(ec.SECP384R1())
    authority, stranger = make_authority(key), make_authority(other, "Another")
    answer = make_answer(authority, key, authority, has_signer=False)

    assert check_signature("ocsp", answer, (authority,)) == "right"
    assert check_signature("ocsp", answer, (stranger,)) == "wrong"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "right"),
        ({"purpose": ExtendedKeyUsageOID.CLIENT_AUTH}, "wrong"),
        ({"since": NOW + DAY}, "wrong"),
    ],
    ids=["named", "for another purpose", "not yet"],
)
def test_a_responder_is_named_for_this_alone(changes: dict[str, Any], expected: str) -> None:
    """By its extended key usage, and in its time."""
    key, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = make_authority(key)
    facts = {"purpose": ExtendedKeyUsageOID.OCSP_SIGNING} | changes
    responder = make_responder(own, authority, key, **facts)

    assert check_signature("ocsp", make_answer(responder, own, authority), (authority,)) == expected


def test_an_answer_about_another_authority_is_wrong() -> None:
    """Serial numbers mean nothing without whose they are."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = make_authority(key)

    assert check_signature("ocsp", make_answer(authority, key, PUBLIC), (authority,)) == "wrong"


def _told(body: bytes) -> Trace:
    builder = TraceBuilder()
    builder.sign_in()
    trace = builder.build()
    response = Response(
        version=b"HTTP/1.1",
        headers=(),
        status=200,
        body=body,
        status_answer=read_ocsp(body),
        first_ns=0,
        last_ns=0,
        packets=(),
    )
    first: Connection = trace.connections[0]
    changed = {"exchanges": (Exchange(request=None, response=response),)}
    kept = {name: getattr(first, name) for name in first.__dataclass_fields__}
    return builder.build(connections=(Connection(**(kept | changed)), *trace.connections[1:]))


def test_every_answer_of_a_trace_is_checked() -> None:
    """With the authorities that somebody tells; without any, nothing is."""
    _, answer, _ = ask()
    trace = _told(answer)

    def signature(given: tuple[bytes, ...]) -> str:
        response = check_signatures(trace, given).connections[0].exchanges[0].response
        assert response is not None
        assert response.status_answer is not None
        return response.status_answer.signature

    pem = AUTHORITY.public_bytes(Encoding.PEM)
    given = ((AUTHORITY.public_bytes(Encoding.DER),), (pem,), (b"no certificate",), ())
    assert [signature(one) for one in given] == ["right", "right", "unchecked", "unchecked"]
