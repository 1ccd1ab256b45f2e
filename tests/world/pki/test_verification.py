"""Judging chains: purpose, hostile bytes, and what the error says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.world.pki.verification import check_life, client_verifier, server_verifier
from harness.world.tls.identity import VerificationError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CA = trustme.CA()
ROOT = x509.load_pem_x509_certificate(CA.cert_pem.bytes())


def _leaf(
    purposes: list[x509.ObjectIdentifier] | None, name: str = "a.example.com", *, ca: bool = False
) -> bytes:
    key = trustme.KeyType.ECDSA._generate_key()
    signer = load_pem_private_key(CA.private_key_pem.bytes(), None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ROOT.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
    )
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(signer, SHA256()).public_bytes(Encoding.DER)  # type: ignore[arg-type]


CLIENT, SERVER = [ExtendedKeyUsageOID.CLIENT_AUTH], [ExtendedKeyUsageOID.SERVER_AUTH]


def test_purpose_holds() -> None:
    """A certificate serves for what it was issued for."""
    client_verifier((ROOT,), at=NOW)((_leaf(CLIENT),))
    server_verifier((ROOT,), server_name="a.example.com", at=NOW)((_leaf(SERVER),))


@pytest.mark.parametrize(
    "purposes",
    [
        pytest.param(SERVER, id="server"),
        pytest.param([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], id="any"),
        pytest.param(None, id="unsaid"),
    ],
)
def test_wrong_purpose_of_client(purposes: list[x509.ObjectIdentifier] | None) -> None:
    """A client needs clientAuth, said in so many words."""
    with pytest.raises(VerificationError):
        client_verifier((ROOT,), at=NOW)((_leaf(purposes),))


@pytest.mark.parametrize(
    "purposes", [pytest.param(CLIENT, id="client"), pytest.param(None, id="unsaid")]
)
def test_wrong_purpose_of_server(purposes: list[x509.ObjectIdentifier] | None) -> None:
    """A server needs serverAuth."""
    with pytest.raises(VerificationError):
        server_verifier((ROOT,), server_name="a.example.com", at=NOW)((_leaf(purposes),))


def test_name_is_exact() -> None:
    """Neither a parent domain nor a child of it will do."""
    verify = server_verifier((ROOT,), server_name="a.example.com", at=NOW)
    with pytest.raises(
        VerificationError, match=r"does not hold for a server named a\.example\.com"
    ):
        verify((_leaf(SERVER, "example.com"),))
    with pytest.raises(VerificationError):
        verify((_leaf(SERVER, "a.a.example.com"),))


@pytest.mark.parametrize(
    ("leaf", "roots", "alert"),
    [
        pytest.param(_leaf(SERVER), "stranger", 48, id="of a stranger"),
        pytest.param(_leaf(SERVER, "b.example.com"), "stranger", 48, id="and for another name"),
        pytest.param(_leaf(CLIENT), "stranger", 48, id="and for another purpose"),
        pytest.param(_leaf(SERVER, "b.example.com"), "own", 46, id="for another name"),
        pytest.param(_leaf(CLIENT), "own", 46, id="for another purpose"),
    ],
)
def test_alert(leaf: bytes, roots: str, alert: int) -> None:
    """Where no root is found the alert is unknown_ca, whatever else is wrong (RFC 8446 section 6.2)."""
    stranger = x509.load_pem_x509_certificate(trustme.CA().cert_pem.bytes())
    root = ROOT if roots == "own" else stranger
    with pytest.raises(VerificationError) as refused:
        server_verifier((root,), server_name="a.example.com", at=NOW)((leaf,))

    assert refused.value.alert == alert


@pytest.mark.parametrize("der", [b"", b"\x30\x03abc", bytes(50)], ids=["empty", "short", "zeros"])
def test_hostile_bytes(der: bytes) -> None:
    """What is no certificate is a bad certificate, wherever it stands in the chain."""
    for chain in ((der,), (_leaf(CLIENT), der)):
        with pytest.raises(VerificationError) as refused:
            client_verifier((ROOT,), at=NOW)(chain)
        assert refused.value.alert == 42


def test_dates_are_named() -> None:
    """A refusal for age shows the life of the certificate and the time it was judged at."""
    with pytest.raises(
        VerificationError, match=r"valid from 2026-05-31 .*; it is 2026-07-01"
    ) as refused:
        client_verifier((ROOT,), at=NOW + timedelta(days=30))((_leaf(CLIENT),))
    assert refused.value.alert == 45


@pytest.mark.parametrize("days", [-2, 2])
def test_a_life_that_is_not_now(days: int) -> None:
    """Looked at alone, in nanoseconds: both ends are included."""
    leaf = _leaf(CLIENT)
    at = NOW + timedelta(days=days)

    for edge in (-1, 1):
        check_life(leaf, int((NOW + timedelta(days=edge)).timestamp()) * 1_000_000_000)
    with pytest.raises(VerificationError, match="is valid from") as refused:
        check_life(leaf, int(at.timestamp()) * 1_000_000_000)
    assert refused.value.alert == 45
