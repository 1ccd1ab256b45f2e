"""Tests of harness/decode/tls/certificate.py."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.decode.tls.certificate import parse_certificate

UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
KEY = ec.generate_private_key(ec.SECP256R1())
BEGIN, END = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)


def build(*names: x509.GeneralName, extension: x509.ExtensionType | None = None) -> bytes:
    """A certificate with these alternative names."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Alice, A."),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ex"),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")]))
        .serial_number(0xABCDEF)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .public_key(KEY.public_key())
    )
    if names:
        extension = x509.SubjectAlternativeName(names)
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.DER)


def upn(der: bytes) -> x509.OtherName:
    """A user principal name with this value."""
    return x509.OtherName(UPN, der)


NAMED = build(
    upn(b"\x0c\x05alice"),
    x509.OtherName(ObjectIdentifier("1.2.3"), b"\x05\x00"),
    x509.RFC822Name("alice@example.test"),
    x509.DNSName("device.example.test"),
    x509.IPAddress(ipaddress.ip_address("10.1.2.3")),
    x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
)


def test_wrong_length_of_a_upn_is_a_problem() -> None:
    """A string that does not fill its field is not cut to fit."""
    certificate = parse_certificate(NAMED.replace(b"\x0c\x05alice", b"\x0c\x04alice"))

    assert certificate.problem is not None
    assert certificate.problem.startswith("alternative names: ")
    assert certificate.upns == ()


def test_all_fields_are_read() -> None:
    """Names, times, number and fingerprint."""
    certificate = parse_certificate(NAMED)

    assert certificate.problem is None
    assert certificate.sha256 == hashlib.sha256(NAMED).hexdigest()
    assert certificate.subject == "O=Ex,CN=Alice\\, A."
    assert (certificate.issuer, certificate.serial_number) == ("CN=Test CA", 0xABCDEF)
    assert certificate.upns == ("alice",)
    assert certificate.emails == ("alice@example.test",)
    assert certificate.dns_names == ("device.example.test",)
    assert certificate.ip_addresses == ("10.1.2.3", "2001:db8::1")
    assert certificate.not_before_ns == int(BEGIN.timestamp()) * 10**9
    assert certificate.not_after_ns == int(END.timestamp()) * 10**9


def test_no_alternative_names_is_no_problem() -> None:
    """The extension may be missing."""
    certificate = parse_certificate(build())

    assert (certificate.problem, certificate.upns, certificate.dns_names) == (None, (), ())


@pytest.mark.parametrize(
    ("der", "text"),
    [
        (b"\x0c\x81\xc8" + b"a" * 200, "a" * 200),
        (b"\x16\x03bob", "bob"),
        (b"\x1e\x06\0b\0o\0b", "bob"),
        (b"\x0c\x06" + "älice".encode(), "älice"),
    ],
    ids=["long", "ia5", "bmp", "utf8"],
)
def test_upn_string_types(der: bytes, text: str) -> None:
    """Every string type of DER that is used for it."""
    assert parse_certificate(build(upn(der))).upns == (text,)


@pytest.mark.parametrize("der", [b"\x05\x00", b"\x0c\x02\xff\xff"], ids=["null", "utf8"])
def test_bad_upn_is_a_problem(der: bytes) -> None:
    """It is not left out silently; the rest is read."""
    certificate = parse_certificate(build(upn(der)))

    assert certificate.problem is not None
    assert certificate.problem.startswith("alternative names: ")
    assert certificate.serial_number == 0xABCDEF


@pytest.mark.parametrize(
    "der", [b"", b"der", NAMED[:100], NAMED + b"x"], ids=["empty", "short", "cut", "trailing"]
)
def test_other_bytes_are_no_certificate(der: bytes) -> None:
    """The fingerprint is there all the same."""
    certificate = parse_certificate(der)

    assert certificate.problem is not None
    assert certificate.problem.startswith("not a certificate: ")
    assert (certificate.der, certificate.sha256) == (der, hashlib.sha256(der).hexdigest())


def test_a_version_that_cannot_be_read_is_a_problem() -> None:
    """RFC 5280 section 4.1: version 1 is v2, which nobody issues and the library refuses."""
    changed = NAMED.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01", 1)
    certificate = parse_certificate(changed)

    assert changed != NAMED
    assert (certificate.problem or "").startswith(
        "not a certificate: 1 is not a valid X509 version"
    )


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, len(NAMED) - 1), value=st.integers(0, 255))
def test_changed_certificate_never_raises(position: int, value: int) -> None:
    """Whatever a byte is changed to."""
    changed = bytearray(NAMED)
    changed[position] = value

    assert parse_certificate(bytes(changed)).der == changed


@pytest.mark.parametrize(
    ("extension", "field", "expected"),
    [
        (x509.ExtendedKeyUsage([ObjectIdentifier("1.2.3")]), "purposes", ("1.2.3",)),
        (
            x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("1.2.4"), None)]),
            "policies",
            ("1.2.4",),
        ),
        (x509.BasicConstraints(ca=True, path_length=None), "is_authority", True),
        (x509.SubjectKeyIdentifier(b"\x01\x02"), "key_id", "0102"),
        (x509.AuthorityKeyIdentifier(b"\x03", None, None), "issuer_key_id", "03"),
    ],
    ids=["purposes", "policies", "authority", "key", "issuer's key"],
)
def test_what_a_certificate_is_for_is_read(
    extension: x509.ExtensionType, field: str, expected: object
) -> None:
    """Each extension fills its field, and is absent from a certificate without it."""
    with_it, without = parse_certificate(build(extension=extension)), parse_certificate(build())

    assert getattr(with_it, field) == expected
    assert getattr(without, field) in (None, (), False, "")
