"""Issuing: requests and the certificates that answer them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harness.certificate.request import build_request
from harness.world.pki.issuing import load_signer, sign_request

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MADE = build_request(("access.example.com", "*.corp.example", "10.20.1.1"))


def answer(request_pem: str) -> x509.Certificate:
    """Signed by its own key."""
    pem = sign_request(
        request_pem,
        issuer=None,
        signer=load_signer(MADE.key_pem),
        not_before=NOW,
        not_after=NOW + timedelta(days=1),
    )
    return x509.load_pem_x509_certificate(pem.encode())


def test_the_answer_has_what_was_asked_for() -> None:
    """Subject, names and key of the request, the dates of the authority."""
    certificate = answer(MADE.request_pem)
    request = x509.load_pem_x509_csr(MADE.request_pem.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert certificate.subject == request.subject
    assert certificate.public_key() == request.public_key()
    assert names.get_values_for_type(x509.DNSName) == ["access.example.com", "*.corp.example"]
    assert certificate.not_valid_after_utc == NOW + timedelta(days=1)
    certificate.verify_directly_issued_by(certificate)


def test_a_request_of_somebody_else_is_refused() -> None:
    """Its signature shows who has the key."""
    request = x509.load_pem_x509_csr(MADE.request_pem.encode())
    data = bytearray(request.public_bytes(Encoding.DER))
    data[-1] ^= 1
    damaged = x509.load_der_x509_csr(bytes(data)).public_bytes(Encoding.PEM).decode()

    with pytest.raises(ValueError, match="not signed by its own key"):
        answer(damaged)


def test_signers() -> None:
    """EC and RSA, nothing else."""
    forms = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    curve = ec.generate_private_key(ec.SECP256R1())

    assert isinstance(load_signer(curve.private_bytes(*forms).decode()), ec.EllipticCurvePrivateKey)
    with pytest.raises(ValueError, match="expected EC or RSA"):
        load_signer(ed25519.Ed25519PrivateKey.generate().private_bytes(*forms).decode())
