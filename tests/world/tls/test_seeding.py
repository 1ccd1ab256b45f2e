"""Seeding: bytes, keys and signatures follow the seed while it lasts, and not a moment longer."""

from __future__ import annotations

import os
import time
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from tlslite import tlsconnection
from tlslite.utils.keyfactory import generateRSAKey

from harness.world.entropy import Entropy
from harness.world.pki.pki import Pki
from harness.world.tls import acceleration, ec_key
from harness.world.tls.seeding import seeded

NOW_NS = 1_767_225_600_000_000_000


def _make(seed: bytes) -> tuple[object, ...]:
    with seeded(Entropy(seed).take, start_s=0):
        pki = Pki(fqdn="a.example.com", nodes={"n": ip_address("10.0.0.1")}, now_ns=NOW_NS)
        device, server = pki.device_identity("alice@example.com"), pki.node_identity("n")
        share = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
        curves = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
        numbers = [ec.generate_private_key(c).private_numbers().private_value for c in curves]
        return device, server, share, numbers, os.urandom(16)


def test_the_seed_decides_everything() -> None:
    """Certificates with their serial numbers and signatures, keys of all kinds, and raw bytes."""
    one, same, other = _make(b"1"), _make(b"1"), _make(b"2")

    assert one == same
    assert not any(a == b for a, b in zip(one, other, strict=True))


def test_afterwards_everything_is_random_again() -> None:
    """Also after an error."""
    before = (os.urandom, ec.generate_private_key, x509.CertificateBuilder.sign, ec_key._SCHEMES)
    generate = vars(x25519.X25519PrivateKey)["generate"]
    with seeded(Entropy(b"1").take, start_s=7):
        assert tlsconnection.time.time() == 7.0
    with pytest.raises(ZeroDivisionError), seeded(Entropy(b"1").take, start_s=7):
        raise ZeroDivisionError

    after = (os.urandom, ec.generate_private_key, x509.CertificateBuilder.sign, ec_key._SCHEMES)
    assert after == before
    assert vars(x25519.X25519PrivateKey)["generate"] is generate
    assert tlsconnection.time is time


def test_two_at_once_are_refused() -> None:
    """What both took would depend on who came first."""
    with (
        seeded(Entropy(b"1").take, start_s=0),
        pytest.raises(RuntimeError, match="one at a time"),
        seeded(Entropy(b"2").take, start_s=0),
    ):
        pass


def test_rsa_keys_come_from_the_seed() -> None:
    """The same key for the same bytes, and one that signs."""
    keys = []
    for _ in range(2):
        with seeded(Entropy(b"1").take, start_s=0):
            keys.append(rsa.generate_private_key(public_exponent=65537, key_size=1024))

    signature = keys[0].sign(b"text", padding.PKCS1v15(), hashes.SHA256())
    assert keys[0].key_size == 1024
    assert keys[0].private_numbers() == keys[1].private_numbers()
    keys[1].public_key().verify(signature, b"text", padding.PKCS1v15(), hashes.SHA256())


def test_rsa_signatures_of_tls_come_from_the_seed() -> None:
    """PSS has a random salt; the same seed gives the same signature, also with a key that was used before."""
    acceleration.install()
    key = generateRSAKey(1024, implementations=["python"])
    digest = bytearray(32)
    signatures = []
    for seed in (b"1", b"1", b"2"):
        with seeded(Entropy(seed).take, start_s=0):
            signatures.append(key.sign(digest, padding="pss", hashAlg="sha256", saltLen=32))

    assert signatures[0] == signatures[1] != signatures[2]
    assert all(key.verify(one, digest, "pss", "sha256", 32) for one in signatures)
