"""Openers: each takes one protected record and gives its content type and plaintext, or raises.

An opener never returns bytes whose tag or MAC was wrong. It is given the sequence number, so that after a hole several
numbers can be tried; where the cipher has a state between records (`has_state`), only the next record can be opened.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, IDEA, SEED, Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from harness.decode.tls.block_gcm import BlockGcm
from harness.decode.tls.suite import Suite

SSL_3_0 = 0x0300
TLS_1_0 = 0x0301
COMPRESSED_LIMIT = (1 << 14) + 1024
"""RFC 5246 section 6.2.2: bytes of a compressed fragment; what comes out is one of 2**14 at most."""


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


class Aead(Protocol):
    """Authenticated decryption with one key."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """The plaintext; raises InvalidTag."""


def build_aead(suite: Suite, key: bytes) -> Aead:
    """The AEAD of a suite; its tag size is part of it."""
    match suite.mode:
        case "GCM" if suite.cipher != "AES":
            return BlockGcm(_block_cipher(suite, key))
        case "GCM":
            return AESGCM(key)
        case "CCM":
            return AESCCM(key, tag_length=suite.tag_size)
        case _:
            return ChaCha20Poly1305(key)


class Tls13Opener:
    """RFC 8446 section 5.2: nonce = IV xor sequence number, the header is the additional data, the type is inside."""

    __slots__ = ("_aead", "_covers_header", "_iv", "_tag_size", "has_state")

    def __init__(self, suite: Suite, key: bytes, iv: bytes, *, covers_header: bool = True) -> None:
        """Take the traffic key and IV of one epoch; drafts before 25 did not authenticate the header."""
        self._aead = build_aead(suite, key)
        self._covers_header = covers_header
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
            nonce = (self._iv ^ seq).to_bytes(12, "big")
            inner = self._aead.decrypt(nonce, fragment, header if self._covers_header else b"")
        except InvalidTag:
            raise BadRecordError("the authentication tag is wrong") from None
        # RFC 8446 section 5.4: zeros after the type are padding.
        if not inner[-1]:
            inner = inner.rstrip(b"\0")
            if not inner:
                raise BadRecordError("only padding and no content type inside")
        return inner[-1], inner[:-1]


class FirstFitOpener:
    """Several openers of which one is right: the first that opens a record opens all that follow."""

    __slots__ = ("_openers", "has_state")

    def __init__(self, openers: tuple[Opener, ...]) -> None:
        """Take the candidates."""
        self._openers = openers
        self.has_state = any(opener.has_state for opener in openers)

    def open(self, seq: int, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """See Opener."""
        *others, last = self._openers
        for opener in others:
            try:
                found = opener.open(seq, header, fragment)
            except BadRecordError:
                continue
            self._openers = (opener,)
            return found
        return last.open(seq, header, fragment)


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
    """RFC 5246 section 6.2.3.2, RFC 7366 (encrypt-then-MAC), RFC 2246 section 6.2.3.2 (TLS 1.0: the IV is chained).

    SSL 3.0 chains its IV too, has another MAC, and bytes of any value as padding (RFC 6101 section 5.2.3.2).
    """

    __slots__ = (
        "_block_size",
        "_cipher",
        "_encrypt_then_mac",
        "_is_ssl3",
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
        """Take the write keys; `iv` is used by SSL 3.0 and TLS 1.0 only."""
        assert suite.mac is not None
        self._cipher = _block_cipher(suite, key)
        self._block_size = suite.block_size
        self._is_ssl3 = version == SSL_3_0
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
        if self._is_ssl3:
            is_padded = padding <= self._block_size
        else:
            is_padded = padded[-padding:] == bytes((padding - 1,)) * padding
        if least > len(padded) or not is_padded:
            raise BadRecordError("the padding is wrong")
        content = padded[:-padding]
        if not self._encrypt_then_mac:
            content, mac = content[: -self._mac_size], content[-self._mac_size :]
            self._check(seq, header, content, mac)
        return header[0], content

    def _check(self, seq: int, header: bytes, data: bytes, mac: bytes) -> None:
        check_mac(self._mac, self._mac_key, seq, header, data, mac, is_ssl3=self._is_ssl3)


class StreamOpener:
    """RFC 5246 section 6.2.3.1: RC4, whose state runs on from record to record, and NULL with a MAC."""

    __slots__ = ("_decryptor", "_is_ssl3", "_mac", "_mac_key", "has_state")

    def __init__(self, suite: Suite, key: bytes, mac_key: bytes, *, version: int) -> None:
        """Take the write keys."""
        assert suite.mac is not None
        self._is_ssl3 = version == SSL_3_0
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
        content, mac = data[:size], data[size:]
        check_mac(self._mac, self._mac_key, seq, header, content, mac, is_ssl3=self._is_ssl3)
        return header[0], content


class InflateOpener:
    """RFC 3749: DEFLATE under the protection; the dictionary runs on from record to record."""

    __slots__ = ("_inflater", "_inner", "has_state")

    def __init__(self, inner: Opener) -> None:
        """Take what removes the protection."""
        self._inner = inner
        self._inflater = zlib.decompressobj()
        self.has_state = True

    def open(self, seq: int, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """See Opener."""
        kind, data = self._inner.open(seq, header, fragment)
        if len(data) > COMPRESSED_LIMIT:
            raise BadRecordError(f"compressed fragment of {len(data)} bytes")
        try:
            # RFC 3749 section 2: at most 2**14 bytes come out of one record.
            content = self._inflater.decompress(data, (1 << 14) + 1)
        except zlib.error as error:
            raise BadRecordError(f"cannot be decompressed: {error}") from None
        if len(content) > 1 << 14:
            raise BadRecordError("more than 16384 bytes come out of one record")
        return kind, content


def check_mac(
    mac_name: str,
    key: bytes,
    seq: int,
    header: bytes,
    data: bytes,
    mac: bytes,
    *,
    is_ssl3: bool = False,
) -> None:
    """RFC 5246 section 6.2.3.1: HMAC over sequence number, type, version, length, content.

    SSL 3.0 hashes twice with fixed pads, and leaves the version out (RFC 6101 section 5.2.3.1).

    Raises:
        BadRecordError: It is another one.
    """
    size = len(data).to_bytes(2, "big")
    if is_ssl3:
        pad = 48 if mac_name == "md5" else 40
        inside = key + b"\x36" * pad + seq.to_bytes(8, "big") + header[:1] + size + data
        digest = hashlib.new(mac_name, inside, usedforsecurity=False).digest()
        outside = key + b"\x5c" * pad + digest
        expected = hashlib.new(mac_name, outside, usedforsecurity=False).digest()
    else:
        expected = hmac.digest(key, seq.to_bytes(8, "big") + header[:3] + size + data, mac_name)
    if expected != mac:
        raise BadRecordError("the MAC is wrong")


def _block_cipher(suite: Suite, key: bytes) -> BlockCipherAlgorithm:
    match suite.cipher:
        case "AES":
            return AES(key)
        case "CAMELLIA":
            return Camellia(key)
        case "SEED":
            return SEED(key)
        case "IDEA":
            return IDEA(key)
        case "3DES_EDE":
            return TripleDES(key)
        case "DES":
            # Three times the same key is DES itself: encrypt, decrypt, encrypt.
            return TripleDES(key * 3)
        case other:
            raise AssertionError(f"no block cipher {other!r} for {suite.name}")
