"""Tests of harness/decode/tls/block_gcm.py: over AES the library has the same mode, and is the reference."""

from __future__ import annotations

import random

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from harness.decode.tls.block_gcm import BlockGcm


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 64, 1000, 16384])
def test_opens_what_the_library_sealed(size: int) -> None:
    """The same plaintext for every size of data, and of what is authenticated besides."""
    choose = random.Random(size)
    key, nonce, data = choose.randbytes(32), choose.randbytes(12), choose.randbytes(size)
    beside = choose.randbytes(choose.randrange(40))

    sealed = AESGCM(key).encrypt(nonce, data, beside)

    assert BlockGcm(AES(key)).decrypt(nonce, sealed, beside) == data


def test_test_case_4_of_the_specification() -> None:
    """The vector of the GCM specification with data and associated data that are no whole blocks."""
    key, nonce = bytes.fromhex("feffe9928665731c6d6a8f9467308308"), "cafebabefacedbaddecaf888"
    data = (
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
        "5bc94fbc3221a5db94fae95ae7121a47"
    )
    beside = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")

    plain = BlockGcm(AES(key)).decrypt(bytes.fromhex(nonce), bytes.fromhex(data), beside)

    assert plain.hex().startswith("d9313225f88406e5a55909c5aff5269a")


@pytest.mark.parametrize("change", ["data", "tag", "beside", "nonce", "short"])
def test_anything_changed_is_refused(change: str) -> None:
    """No plaintext where the tag is wrong."""
    key, nonce, beside = bytes(16), bytes(12), b"head"
    sealed = bytearray(AESGCM(key).encrypt(nonce, b"attack at dawn", beside))
    match change:
        case "data":
            sealed[0] ^= 1
        case "tag":
            sealed[-1] ^= 1
        case "beside":
            beside = b"hand"
        case "nonce":
            nonce = b"\1" + bytes(11)
        case _:
            del sealed[3:]

    with pytest.raises(InvalidTag):
        BlockGcm(AES(key)).decrypt(nonce, bytes(sealed), beside)
