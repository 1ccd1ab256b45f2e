"""The key schedule: the values of RFC 8448 and RFC 5869, and always what tlslite-ng's own functions give."""

from __future__ import annotations

import hashlib

import pytest
from tlslite.utils import cryptomath

from harness.world.tls.key_schedule import Transcript, compute_hmac, derive_secret, expand_label

SECRET = bytes(range(48))


def test_rfc_8448() -> None:
    """Early secret, its derived secret, and the server's write key of section 3."""
    early = compute_hmac(bytes(32), bytes(32), "sha256")
    traffic = bytes.fromhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")

    assert early.hex() == "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a"
    assert (
        derive_secret(early, b"derived", None, "sha256").hex()
        == "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba"
    )
    assert (
        expand_label(traffic, b"key", b"", 16, "sha256").hex() == "3fce516009c21727d0f2e4e86ee403bc"
    )
    assert expand_label(traffic, b"iv", b"", 12, "sha256").hex() == "5d313eb2671276ee13000b30"


@pytest.mark.parametrize("algorithm", ["sha256", "sha384"])
@pytest.mark.parametrize("length", [1, 12, 32, 48, 49, 200])
@pytest.mark.parametrize("context", [b"", bytes(48)])
def test_same_as_the_slow_one(algorithm: str, length: int, context: bytes) -> None:
    """Any length, of several blocks too."""
    slow = cryptomath.HKDF_expand_label(
        bytearray(SECRET), bytearray(b"label"), bytearray(context), length, algorithm
    )

    assert expand_label(SECRET, b"label", context, length, algorithm) == slow
    assert compute_hmac(SECRET, context, algorithm) == cryptomath.secureHMAC(
        bytearray(SECRET), bytearray(context), algorithm
    )


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
def test_transcript(algorithm: str) -> None:
    """Asked at any moment, again, and after a copy, it gives the hash of what it holds then."""
    transcript = Transcript()
    assert transcript.digest(algorithm) == hashlib.new(algorithm).digest()
    transcript.update(bytearray(b"one"))
    transcript.update(b"two")
    once, again = transcript.digest(algorithm), transcript.digest(algorithm)
    copy = transcript.copy()
    transcript.update(b"three")
    copy.update(b"other")

    assert once == again == hashlib.new(algorithm, b"onetwo").digest()
    assert transcript.digest(algorithm) == hashlib.new(algorithm, b"onetwothree").digest()
    assert copy.digest(algorithm) == hashlib.new(algorithm, b"onetwoother").digest()


def test_transcript_itself() -> None:
    """EdDSA signs the messages, TLS 1.1 both old hashes; what is not a hash is refused."""
    transcript = Transcript()
    transcript.update(b"message")

    assert transcript.digest("intrinsic") == b"message"
    assert (
        transcript.digest() == hashlib.md5(b"message").digest() + hashlib.sha1(b"message").digest()
    )
    with pytest.raises(ValueError, match="sha3-"):
        transcript.digest("sha3-")
