"""EC keys: what they sign anybody can verify, what others sign they verify, and nothing else passes."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from harness.world.tls.ec_key import EcKey, make_private, make_public

DIGEST = hashlib.sha256(b"message").digest()
SCHEME = ec.ECDSA(Prehashed(SHA256()))


def pair(curve: ec.EllipticCurve) -> tuple[EcKey, EcKey, Counter[str]]:
    """A private key, its public one, and the count of what both did."""
    calls: Counter[str] = Counter()
    made = ec.generate_private_key(curve)

    def count(name: str) -> None:
        calls[name] += 1

    private, public = make_private(made, count), make_public(made.public_key(), count)
    assert private is not None
    assert public is not None
    return private, public, calls


@pytest.mark.parametrize(
    ("curve", "name", "bits", "size"),
    [
        (ec.SECP256R1(), "NIST256p", 256, 32),
        (ec.SECP384R1(), "NIST384p", 384, 48),
        (ec.SECP521R1(), "NIST521p", 521, 66),
    ],
)
def test_curves(curve: ec.EllipticCurve, name: str, bits: int, size: int) -> None:
    """Name, size and cut of the digest are those that tlslite-ng reads from its own keys."""
    private, public, calls = pair(curve)
    digest = hashlib.sha512(b"message").digest()[:size]
    signature = private.sign(digest)

    assert private.private_key is not None
    assert (private.curve_name, len(private), private.private_key.curve.baselen) == (
        name,
        bits,
        size,
    )
    assert (private.hasPrivateKey(), public.hasPrivateKey()) == (True, False)
    assert public.verify(signature, digest)
    assert calls == {"ecdsa sign": 1, "ecdsa verify": 1}


def test_altered() -> None:
    """Another digest, another signature, another key and no signature at all do not pass."""
    private, public, _ = pair(ec.SECP256R1())
    _, stranger, _ = pair(ec.SECP256R1())
    signature = private.sign(DIGEST)
    other = hashlib.sha256(b"other").digest()
    altered = bytearray(signature)
    altered[-1] ^= 1

    assert not public.verify(signature, other)
    assert not public.verify(altered, DIGEST)
    assert not public.verify(b"", DIGEST)
    assert not public.verify(signature, DIGEST[:7])
    assert not stranger.verify(signature, DIGEST)


def test_own_signature() -> None:
    """Only exactly what it has just signed passes without arithmetic."""
    private, _, calls = pair(ec.SECP256R1())
    first, second = private.sign(DIGEST), private.sign(hashlib.sha256(b"other").digest())

    assert private.verify(second, hashlib.sha256(b"other").digest())
    assert calls["ecdsa verify"] == 0
    assert private.verify(first, DIGEST)
    assert not private.verify(first, hashlib.sha256(b"other").digest())
    assert calls["ecdsa verify"] == 2


def test_against_cryptography() -> None:
    """Signatures are plain ECDSA (RFC 8446 section 4.2.3)."""
    made = ec.generate_private_key(ec.SECP256R1())
    private = make_private(made, lambda _: None)
    assert private is not None

    made.public_key().verify(bytes(private.sign(DIGEST)), DIGEST, SCHEME)
    assert private.verify(made.sign(DIGEST, SCHEME), DIGEST)


def test_others() -> None:
    """Keys of other kinds and curves are left to tlslite-ng, and cannot be made by mistake."""
    brainpool = ec.generate_private_key(ec.BrainpoolP256R1())
    edwards = ed25519.Ed25519PrivateKey.generate()

    assert make_private(brainpool, lambda _: None) is None
    assert make_public(brainpool.public_key(), lambda _: None) is None
    assert make_private(edwards, lambda _: None) is None
    assert make_public(edwards.public_key(), lambda _: None) is None
    with pytest.raises(ValueError, match="brainpoolP256r1; expected one of secp256r1"):
        EcKey(brainpool.public_key(), brainpool, lambda _: None)
