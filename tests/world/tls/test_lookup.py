"""Lookups: always the answer that tlslite-ng's own code gives."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tlslite import x509
from tlslite.constants import (
    CipherSuite,
    ContentType,
    ExtensionType,
    GroupName,
    HashAlgorithm,
    SignatureScheme,
)
from tlslite.handshakesettings import HandshakeSettings

from harness.world.tls import lookup
from harness.world.tls.ec_key import EcKey
from harness.world.tls.endpoint import _load
from tests.world.handshake import der_of, node


@pytest.mark.parametrize("turn", ["first", "remembered"])
def test_names(turn: str) -> None:
    """Every code point of the registries, and some that are in none."""
    for registry in (GroupName, HashAlgorithm, ContentType, ExtensionType, SignatureScheme):
        values = [v for v in vars(registry).values() if isinstance(v, int | tuple)]
        for value in (*values, 60000, (77, 77)):
            assert lookup.find_name(registry, value) == lookup._slow_name(registry, value), turn
    assert lookup.find_name(GroupName, 23, ["secp256r1"]) is None


def test_unknown_names_are_not_kept() -> None:
    """A peer that sends every number there is fills no memory."""
    before = len(lookup._names)
    for value in range(50000, 50100):
        assert lookup.find_name(ExtensionType, value) is None

    assert len(lookup._names) == before


@pytest.mark.parametrize("newest", [(3, 3), (3, 4)])
@pytest.mark.parametrize("version", [None, (3, 1), (3, 3), (3, 4)])
@pytest.mark.parametrize("ciphers", [["aes128gcm"], ["aes256gcm", "chacha20-poly1305", "aes128"]])
def test_suites(newest: Any, version: Any, ciphers: list[str]) -> None:
    """Suites depend on the settings, and the caller may change the list that it is given."""
    settings = HandshakeSettings()
    settings.maxVersion, settings.cipherNames = newest, ciphers
    for suites in (CipherSuite.tls13Suites, CipherSuite.ecdheEcdsaSuites):
        expected = lookup._slow_filter(suites, settings, version)
        lookup.filter_suites(suites, settings, version).append(1)

        assert lookup.filter_suites(suites, settings, version) == expected


def reader() -> tuple[lookup.CertificateReader, Counter[str]]:
    """A fresh reader and the count of what its keys do."""
    calls: Counter[str] = Counter()

    def count(name: str) -> None:
        calls[name] += 1

    return lookup.CertificateReader(count), calls


def test_certificates() -> None:
    """All that tlslite-ng knows about a certificate, each time; the key is shared."""
    der = der_of(node())[0]
    fast, _ = reader()
    slow = x509.X509()
    lookup._slow_parse(slow, bytearray(der))
    one, two = x509.X509(), x509.X509()
    fast.parse(one, bytearray(der))
    fast.parse(two, der)

    for name in ("bytes", "serial_number", "subject", "issuer", "certAlg", "sigalg"):
        assert getattr(one, name) == getattr(two, name) == getattr(slow, name), name
    assert one.publicKey is two.publicKey
    assert one.publicKey.curve_name == slow.publicKey.curve_name == "NIST256p"


@pytest.mark.parametrize("der", [b"", b"\x30\x00", bytes(60)])
def test_broken_certificate(der: bytes) -> None:
    """What cannot be read fails each time, and as it does without a memory."""
    fast, _ = reader()
    with pytest.raises(Exception) as slow:  # noqa: PT011 - whatever tlslite-ng raises
        lookup._slow_parse(x509.X509(), bytearray(der))
    for _ in range(2):
        with pytest.raises(slow.type):
            fast.parse(x509.X509(), der)


def test_ec_keys() -> None:
    """Keys on curves of TLS 1.3 are cryptography's, others tlslite-ng's, and what is no key is refused."""
    fast, _ = reader()
    found = []
    for curve in (ec.SECP256R1(), ec.BrainpoolP256R1()):
        public = ec.generate_private_key(curve).public_key()
        certificate = x509.X509()
        fast.parse_ec_key(
            certificate,
            bytearray(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
        )
        found.append(certificate.publicKey)

    assert isinstance(found[0], EcKey)
    assert (type(found[1]).__name__, found[1].curve_name) == ("Python_ECDSAKey", "BRAINPOOLP256r1")
    with pytest.raises(SyntaxError, match="Malformed"):
        fast.parse_ec_key(x509.X509(), bytearray(20))


@pytest.mark.parametrize("version", [(3, 3), (3, 4)])
@pytest.mark.parametrize("schemes", [["sha256"], ["sha512", "sha384", "sha256"]])
def test_schemes(version: Any, schemes: list[str]) -> None:
    """Signature schemes depend on settings, certificate and version, and the caller may change the list."""
    settings = HandshakeSettings()
    settings.ecdsaSigHashes = settings.rsaSigHashes = schemes
    chain, key = _load(node())
    for given in ((None, None), (None, chain), (key, chain)):
        expected = lookup._slow_schemes(settings, *given, version=version)
        lookup.list_schemes(settings, *given, version=version).append((0, 0))

        assert lookup.list_schemes(settings, *given, version=version) == expected


def test_schemes_of_small_keys() -> None:
    """A key of 1,024 bits cannot sign with RSA-PSS and SHA-512, whoever was asked before."""
    settings = HandshakeSettings()
    scheme = SignatureScheme.rsa_pss_rsae_sha512
    small, large = (SimpleNamespace(n=1 << bits) for bits in (1023, 2047))

    assert scheme in lookup.list_schemes(settings, large)
    assert scheme not in lookup.list_schemes(settings, small)
