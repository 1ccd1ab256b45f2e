"""BlockGcm: Galois/Counter Mode over a block cipher for which the library has CBC and ECB only (Camellia).

NIST SP 800-38D. The bits of a block are the coefficients of a polynomial, the first bit that of x**0.
"""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.modes import ECB

_BLOCK: Final = 16
_REDUCTION: Final = 0xE1 << 120
"""x**128 = 1 + x + x**2 + x**7 (section 6.3)."""


class BlockGcm:
    """One key; tags of 16 bytes, nonces of 12."""

    __slots__ = ("_cipher", "_table")

    def __init__(self, algorithm: BlockCipherAlgorithm) -> None:
        """Take a cipher with blocks of 16 bytes and its key."""
        self._cipher = Cipher(algorithm, ECB())
        self._table = _build_table(int.from_bytes(self._encrypt(bytes(_BLOCK)), "big"))

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """The plaintext of ciphertext and tag (section 7.2); raises InvalidTag."""
        ciphertext, tag = data[:-_BLOCK], data[-_BLOCK:]
        blocks = -(-len(ciphertext) // _BLOCK)
        # Counter 1 hides the tag, the following ones the data.
        counters = b"".join(nonce + n.to_bytes(4, "big") for n in range(1, blocks + 2))
        stream = self._encrypt(counters)
        expected = _xor(self._hash(associated_data or b"", ciphertext), stream[:_BLOCK])
        if not hmac.compare_digest(expected, tag):
            raise InvalidTag
        return _xor(ciphertext, stream[_BLOCK : _BLOCK + len(ciphertext)])

    def _encrypt(self, blocks: bytes) -> bytes:
        encryptor = self._cipher.encryptor()
        return encryptor.update(blocks) + encryptor.finalize()

    def _hash(self, associated: bytes, ciphertext: bytes) -> bytes:
        """GHASH of both, each filled up with zeros, and of their sizes in bits (section 6.4)."""
        sizes = (8 * len(associated)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
        text = _fill(associated) + _fill(ciphertext) + sizes
        table, value = self._table, 0
        for at in range(0, len(text), _BLOCK):
            value ^= int.from_bytes(text[at : at + _BLOCK], "big")
            product = 0
            for row, byte in zip(table, value.to_bytes(_BLOCK, "big"), strict=True):
                product ^= row[byte]
            value = product
        return value.to_bytes(_BLOCK, "big")


def _build_table(key: int) -> tuple[tuple[int, ...], ...]:
    """The product of the key and each value of each byte of a block."""
    rows = []
    power = key
    for _ in range(_BLOCK):
        row = [0] * 256
        bit = 0x80
        while bit:
            row[bit] = power
            power = (power >> 1) ^ (_REDUCTION if power & 1 else 0)
            bit >>= 1
        for value in range(256):
            lowest = value & -value
            if lowest != value:
                row[value] = row[lowest] ^ row[value ^ lowest]
        rows.append(tuple(row))
    return tuple(rows)


def _fill(data: bytes) -> bytes:
    return data + bytes(-len(data) % _BLOCK)


def _xor(left: bytes, right: bytes) -> bytes:
    size = len(left)
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(size, "big")
