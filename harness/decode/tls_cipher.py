"""Openers: each takes one protected record and gives its content type and plaintext, or raises.

An opener never returns bytes whose tag or MAC was wrong. It is given the sequence number, so that after a hole several
numbers can be tried; where the cipher has a state between records (`has_state`), only the next record can be opened.
"""

from __future__ import annotations

import hmac
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from harness.decode.tls_suite import Suite

TLS_1_0 = 0x0301


class BadRecordError(ValueError):
    """A record that the keys do not open; the message says what was wrong with it."""


class Opener(Protocol):
    """The read side of one direction and epoch."""

    has_state: bool
    """Records depend on the ones before: none may be left out."""

    def open(self, seq: int, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """Open one record.

        Args:
            seq: Sequence number of the record within its epoch, from 0.
            header: The five bytes as sent.
            fragment: What follows the header.

        Returns:
            The content type (in TLS 1.3 the inner one) and the content.

        Raises:
            BadRecordError: The tag, MAC, padding or length is wrong.
        """


def build_aead(suite: Suite, key: bytes) -> AESGCM | AESCCM | ChaCha20Poly1305:
    """The AEAD of a suite; its tag size is part of it."""
    match suite.mode:
        case "GCM":
            return AESGCM(key)
        case "CCM":
            return AESCCM(key, tag_length=suite.tag_size)
        case _:
            return ChaCha20Poly1305(key)


class Tls13Opener:
    """RFC 8446 section 5.2: nonce = IV xor sequence number, the header is the additional data, the type is inside."""

    __slots__ = ("_aead", "_iv", "_tag_size", "has_state")

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        """Take the traffic key and IV of one epoch."""
        self._aead = build_aead(suite, key)
        self._iv = int.from_bytes(iv, "big")
        self._tag_size = suite.tag_size
        self.has_state = False

    def open(self, seq: int, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """See Opener."""
        if len(fragment) <= self._tag_size:
            raise BadRecordError(
                f"{len(fragment)} bytes are too few for a tag of {self._tag_size} and a content type"
            )
        try:
            inner = self._aead.decrypt((self._iv ^ seq).to_bytes(12, "big"), fragment, header)
        except InvalidTag:
            raise BadRecordError("the authentication tag is wrong") from None
        # RFC 8446 section 5.4: zeros after the type are padding.
        if not inner[-1]:
            inner = inner.rstrip(b"\0")
            if not inner:
                raise BadRecordError("only padding and no content type inside")
        return inner[-1], inner[:-1]


class Tls12AeadOpener:
    """RFC 5288 section 3 and RFC 6655 section 3 (explicit nonce), RFC 7905 section 2 (ChaCha20: as in TLS 1.3)."""

    __slots__ = ("_aead", "_explicit_size", "_iv", "_tag_size", "has_state")

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        """Take the write key and the fixed IV: 4 bytes, with ChaCha20 12."""
        self._aead = build_aead(suite, key)
        self._iv = iv
        self._tag_size = suite.tag_size
        self._explicit_size = 12 - len(iv)
        self.has_state = False

    def open(self, seq: int, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """See Opener."""
        explicit_size = self._explicit_size
        size = len(fragment) - explicit_size - self._tag_size
        if size < 0:
            raise BadRecordError(
                f"{len(fragment)} bytes are too few for a nonce and a tag of {self._tag_size}"
            )
        if explicit_size:
            nonce = self._iv + fragment[:explicit_size]
        else:
            nonce = (int.from_bytes(self._iv, "big") ^ seq).to_bytes(12, "big")
        # RFC 5246 section 6.2.3.3: sequence number, type, version, length of the plaintext.
        additional = seq.to_bytes(8, "big") + header[:3] + size.to_bytes(2, "big")
        try:
            return header[0], self._aead.decrypt(nonce, fragment[explicit_size:], additional)
        except InvalidTag:
            raise BadRecordError("the authentication tag is wrong") from None


class CbcOpener:
    """RFC 5246 section 6.2.3.2, RFC 7366 (encrypt-then-MAC), RFC 2246 section 6.2.3.2 (TLS 1.0: the IV is chained)."""

    __slots__ = (
        "_block_size",
        "_cipher",
        "_encrypt_then_mac",
        "_iv",
        "_mac",
        "_mac_key",
        "_mac_size",
        "has_state",
    )

    def __init__(
        self,
        suite: Suite,
        key: bytes,
        iv: bytes,
        mac_key: bytes,
        *,
        version: int,
        encrypt_then_mac: bool,
    ) -> None:
        """Take the write keys; `iv` is used by TLS 1.0 only."""
        assert suite.mac is not None
        self._cipher = _block_cipher(suite, key)
        self._block_size = self._cipher.block_size // 8
        self._mac, self._mac_key, self._mac_size = suite.mac, mac_key, len(mac_key)
        self._encrypt_then_mac = encrypt_then_mac
        self._iv = iv if version <= TLS_1_0 else None
        self.has_state = self._iv is not None

    def open(self, seq: int, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """See Opener."""
        body = fragment
        if self._encrypt_then_mac:
            # RFC 7366 section 3: the MAC covers the explicit IV too.
            body, mac = fragment[: -self._mac_size], fragment[-self._mac_size :]
            self._check(seq, header, body, mac)
        if self._iv is None:
            iv, ciphertext = body[: self._block_size], body[self._block_size :]
        else:
            iv, ciphertext = self._iv, body
        if not ciphertext or len(ciphertext) % self._block_size:
            raise BadRecordError(
                f"{len(fragment)} bytes are not whole blocks of {self._block_size}"
            )
        if self._iv is not None:
            self._iv = ciphertext[-self._block_size :]
        decryptor = Cipher(self._cipher, CBC(iv)).decryptor()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        padding = padded[-1] + 1
        least = padding if self._encrypt_then_mac else padding + self._mac_size
        if least > len(padded) or padded[-padding:] != bytes((padding - 1,)) * padding:
            raise BadRecordError("the padding is wrong")
        content = padded[:-padding]
        if not self._encrypt_then_mac:
            content, mac = content[: -self._mac_size], content[-self._mac_size :]
            self._check(seq, header, content, mac)
        return header[0], content

    def _check(self, seq: int, header: bytes, data: bytes, mac: bytes) -> None:
        check_mac(self._mac, self._mac_key, seq, header, data, mac)


class StreamOpener:
    """RFC 5246 section 6.2.3.1: RC4, whose state runs on from record to record, and NULL with a MAC."""

    __slots__ = ("_decryptor", "_mac", "_mac_key", "has_state")

    def __init__(self, suite: Suite, key: bytes, mac_key: bytes) -> None:
        """Take the write keys."""
        assert suite.mac is not None
        self._decryptor = (
            Cipher(ARC4(key), mode=None).decryptor() if suite.cipher == "RC4" else None
        )
        self._mac, self._mac_key = suite.mac, mac_key
        self.has_state = self._decryptor is not None

    def open(self, seq: int, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """See Opener."""
        data = fragment if self._decryptor is None else self._decryptor.update(fragment)
        size = len(data) - len(self._mac_key)
        if size < 0:
            raise BadRecordError(f"{len(data)} bytes are too few for a MAC of {len(self._mac_key)}")
        check_mac(self._mac, self._mac_key, seq, header, data[:size], data[size:])
        return header[0], data[:size]


def check_mac(mac_name: str, key: bytes, seq: int, header: bytes, data: bytes, mac: bytes) -> None:
    """RFC 5246 section 6.2.3.1: HMAC over sequence number, type, version, length, content.

    Raises:
        BadRecordError: It is another one.
    """
    head = seq.to_bytes(8, "big") + header[:3] + len(data).to_bytes(2, "big")
    if hmac.digest(key, head + data, mac_name) != mac:
        raise BadRecordError("the MAC is wrong")


def _block_cipher(suite: Suite, key: bytes) -> BlockCipherAlgorithm:
    match suite.cipher:
        case "AES":
            return AES(key)
        case "CAMELLIA":
            return Camellia(key)
        case "3DES_EDE":
            return TripleDES(key)
        case other:
            raise AssertionError(f"no block cipher {other!r} for {suite.name}")
