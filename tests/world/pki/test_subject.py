"""Whom a certificate names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from harness.world.pki.subject import UPN, encode_upn, user_of
from harness.world.tls.identity import VerificationError
from tests.world.handshake import der_of, node, site_pki


def test_encode_upn() -> None:
    """A UPN is a UTF8String in an otherName."""
    name = encode_upn("ä@b")

    assert (name.type_id, name.value) == (UPN, b"\x0c\x04\xc3\xa4@b")


def test_long_upn() -> None:
    """One that needs a long form of length is refused, not cut."""
    with pytest.raises(ValueError, match="takes 128 bytes; at most 127"):
        encode_upn("x" * 128)


@pytest.mark.parametrize(
    "chain",
    [
        pytest.param((), id="no chain"),
        pytest.param((b"\x30\x00",), id="no certificate"),
        pytest.param(der_of(node()), id="a server"),
        pytest.param(der_of(site_pki().device_identity("a", upn=None, email=None)), id="no names"),
    ],
)
def test_nobody(chain: tuple[bytes, ...]) -> None:
    """A chain that names nobody raises, and never falls back to the CN."""
    with pytest.raises(VerificationError) as refused:
        user_of(chain)
    assert refused.value.alert == 42


def test_two_users() -> None:
    """A certificate with two UPNs names nobody for certain."""
    with pytest.raises(
        VerificationError, match=r"names 2 users \(a@example\.com, b@example\.com\)"
    ):
        user_of((_certificate(encode_upn("a@example.com"), encode_upn("b@example.com")),))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"\x0c\x00", id="empty"),
        pytest.param(b"\x16\x02ab", id="IA5String"),
        pytest.param(b"\x0c\x02\xff\xfe", id="not UTF-8"),
        pytest.param(b"\x0c\x81\x80" + b"a" * 128, id="long"),
    ],
)
def test_malformed_upn(value: bytes) -> None:
    """A UPN that is no UTF8String is refused, and the email address is no way out."""
    with pytest.raises(VerificationError) as refused:
        user_of((_certificate(x509.OtherName(UPN, value), x509.RFC822Name("a@example.com")),))
    assert refused.value.alert == 42


def _certificate(*names: x509.GeneralName) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 7, start, start + timedelta(days=1)
    )
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)
