"""RSA keys from a seed."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from harness.world.tls.rsa_key import EXPONENT, make_rsa_key


def test_a_seed_is_a_key() -> None:
    """The same one each time, and another one for another seed."""
    first = make_rsa_key(b"a", 1024)
    make_rsa_key.cache_clear()

    again = make_rsa_key(b"a", 1024)
    assert again is not first
    assert again.private_numbers() == first.private_numbers()
    assert make_rsa_key(b"b", 1024).private_numbers() != first.private_numbers()


def test_it_is_a_key_like_others() -> None:
    """Of the asked size, and it signs."""
    key = make_rsa_key(b"a", 1024)
    signature = key.sign(b"text", padding.PKCS1v15(), hashes.SHA256())

    assert (key.key_size, key.public_key().public_numbers().e) == (1024, EXPONENT)
    key.public_key().verify(signature, b"text", padding.PKCS1v15(), hashes.SHA256())


def test_the_system_s_random_bytes_are_back() -> None:
    """Nobody else gets the seed's."""
    before = os.urandom
    make_rsa_key(b"c", 1024)

    assert os.urandom is before
