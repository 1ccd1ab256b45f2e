"""Tests of harness/decode/tls_cipher.py: records are made here with the primitives, then changed."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from harness.decode.tls_cipher import (
    BadRecordError,
    CbcOpener,
    Opener,
    StreamOpener,
    Tls12AeadOpener,
    Tls13Opener,
    check_mac,
)
from harness.decode.tls_suite import Suite, find_suite

KEY, IV, MAC_KEY = bytes(range(16)), bytes(range(100, 112)), bytes(range(20))
DATA = b"attack at dawn"
SEQ = 7


def suite(code_point: int) -> Suite:
    """A suite of the table."""
    found = find_suite(code_point)
    assert found is not None
    return found


def header(size: int, content_type: int = 23, version: bytes = b"\x03\x03") -> bytes:
    """A record header."""
    return bytes((content_type,)) + version + size.to_bytes(2, "big")


def additional(size: int) -> bytes:
    """RFC 5246 section 6.2.3.3."""
    return SEQ.to_bytes(8, "big") + header(size)


def mac(data: bytes) -> bytes:
    """RFC 5246 section 6.2.3.1."""
    return hmac.digest(MAC_KEY, additional(len(data)) + data, "sha1")


def nonce(iv: bytes) -> bytes:
    """IV xor sequence number."""
    return (int.from_bytes(iv, "big") ^ SEQ).to_bytes(12, "big")


def encrypt_cbc(data: bytes, iv: bytes, *, padding: bytes | None = None) -> bytes:
    """AES-CBC with the padding of TLS, or another one."""
    size = 15 - len(data) % 16
    padded = data + (bytes((size,)) * (size + 1) if padding is None else padding)
    encryptor = Cipher(AES(KEY), CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def cbc(*, version: int = 0x0303, encrypt_then_mac: bool = False, iv: bytes = b"") -> CbcOpener:
    """An opener for TLS_RSA_WITH_AES_128_CBC_SHA."""
    return CbcOpener(
        suite(0x2F), KEY, iv, MAC_KEY, version=version, encrypt_then_mac=encrypt_then_mac
    )


def gcm13() -> tuple[Opener, bytes]:
    """TLS 1.3, AES-GCM."""
    fragment = AESGCM(KEY).encrypt(nonce(IV), DATA + b"\x17", header(len(DATA) + 17))
    return Tls13Opener(suite(0x1301), KEY, IV), fragment


def ccm8_13() -> tuple[Opener, bytes]:
    """TLS 1.3, AES-CCM with a short tag."""
    fragment = AESCCM(KEY, 8).encrypt(nonce(IV), DATA + b"\x17\0\0", header(len(DATA) + 11))
    return Tls13Opener(suite(0x1305), KEY, IV), fragment


def gcm12() -> tuple[Opener, bytes]:
    """TLS 1.2, AES-GCM with an explicit nonce."""
    explicit = b"explicit"
    fragment = explicit + AESGCM(KEY).encrypt(IV[:4] + explicit, DATA, additional(len(DATA)))
    return Tls12AeadOpener(suite(0x9C), KEY, IV[:4]), fragment


def chacha12() -> tuple[Opener, bytes]:
    """TLS 1.2, ChaCha20-Poly1305."""
    fragment = ChaCha20Poly1305(KEY * 2).encrypt(nonce(IV), DATA, additional(len(DATA)))
    return Tls12AeadOpener(suite(0xCCA8), KEY * 2, IV), fragment


def cbc_mac_first() -> tuple[Opener, bytes]:
    """TLS 1.2, CBC, MAC then encrypt."""
    return cbc(), bytes(16) + encrypt_cbc(DATA + mac(DATA), bytes(16))


def cbc_mac_last() -> tuple[Opener, bytes]:
    """TLS 1.2, CBC, encrypt then MAC."""
    body = bytes(16) + encrypt_cbc(DATA, bytes(16))
    return cbc(encrypt_then_mac=True), body + mac(body)


def cbc_tls10() -> tuple[Opener, bytes]:
    """TLS 1.0, CBC: no explicit IV."""
    return cbc(version=0x0301, iv=bytes(16)), encrypt_cbc(DATA + mac(DATA), bytes(16))


def triple_des() -> tuple[Opener, bytes]:
    """TLS 1.1, 3DES: blocks of 8 bytes."""
    key = bytes(range(24))
    data = DATA + mac(DATA)
    size = 7 - len(data) % 8
    encryptor = Cipher(TripleDES(key), CBC(bytes(8))).encryptor()
    body = encryptor.update(data + bytes((size,)) * (size + 1)) + encryptor.finalize()
    opener = CbcOpener(suite(0x0A), key, b"", MAC_KEY, version=0x0302, encrypt_then_mac=False)
    return opener, bytes(8) + body


def rc4() -> tuple[Opener, bytes]:
    """RC4 with SHA-1."""
    fragment = Cipher(ARC4(KEY), mode=None).encryptor().update(DATA + mac(DATA))
    return StreamOpener(suite(0x05), KEY, MAC_KEY), fragment


def null() -> tuple[Opener, bytes]:
    """No cipher, SHA-1."""
    return StreamOpener(suite(0x02), b"", MAC_KEY), DATA + mac(DATA)


KINDS: list[Callable[[], tuple[Opener, bytes]]] = [
    gcm13,
    ccm8_13,
    gcm12,
    chacha12,
    cbc_mac_first,
    cbc_mac_last,
    cbc_tls10,
    triple_des,
    rc4,
    null,
]
by_kind = pytest.mark.parametrize("make", KINDS, ids=[kind.__name__ for kind in KINDS])


@by_kind
def test_record_opens(make: Callable[[], tuple[Opener, bytes]]) -> None:
    """The right key and number give the content."""
    opener, fragment = make()

    assert opener.open(SEQ, header(len(fragment)), fragment) == (23, DATA)


@by_kind
def test_other_number_is_refused(make: Callable[[], tuple[Opener, bytes]]) -> None:
    """The sequence number is authenticated."""
    opener, fragment = make()

    with pytest.raises(BadRecordError, match="wrong"):
        opener.open(SEQ + 1, header(len(fragment)), fragment)


@by_kind
def test_every_changed_byte_is_refused(make: Callable[[], tuple[Opener, bytes]]) -> None:
    """No changed fragment gives content: neither the same nor another one."""
    size = len(make()[1])
    given = []
    for position in range(size):
        opener, fragment = make()
        changed = bytearray(fragment)
        changed[position] ^= 0x80
        try:
            given.append((position, opener.open(SEQ, header(size), bytes(changed))))
        except BadRecordError:
            continue

    assert given == []


@by_kind
def test_every_shorter_record_is_refused(make: Callable[[], tuple[Opener, bytes]]) -> None:
    """A cut fragment never gives content."""
    size = len(make()[1])
    given = []
    for short in range(size):
        opener, fragment = make()
        try:
            given.append((short, opener.open(SEQ, header(short), fragment[:short])))
        except BadRecordError:
            continue

    assert given == []


def test_content_type_is_inside() -> None:
    """RFC 8446 section 5.2: the outer type says nothing; zeros after the inner one are padding."""
    size = len(DATA) + 17 + 9
    fragment = AESGCM(KEY).encrypt(nonce(IV), DATA + b"\x15" + bytes(9), header(size))

    assert Tls13Opener(suite(0x1301), KEY, IV).open(SEQ, header(size), fragment) == (21, DATA)


def test_only_padding_is_refused() -> None:
    """RFC 8446 section 5.4: a record without a type is an error, also with a right tag."""
    fragment = AESGCM(KEY).encrypt(nonce(IV), bytes(9), header(25))

    with pytest.raises(BadRecordError, match="only padding"):
        Tls13Opener(suite(0x1301), KEY, IV).open(SEQ, header(25), fragment)


def test_wrong_padding_is_refused() -> None:
    """RFC 5246 section 6.2.3.2: every padding byte is checked, also where the MAC is right."""
    data = DATA + mac(DATA)
    padding = bytes(15 - len(data) % 16) + bytes((15 - len(data) % 16,))
    fragment = bytes(16) + encrypt_cbc(data, bytes(16), padding=padding)

    with pytest.raises(BadRecordError, match="padding is wrong"):
        cbc().open(SEQ, header(len(fragment)), fragment)


def test_iv_is_chained_in_tls10() -> None:
    """RFC 2246 section 6.2.3.2: the last block of a record is the IV of the next one."""
    opener, first = cbc_tls10()
    opener.open(SEQ, header(len(first)), first)
    second = encrypt_cbc(DATA + mac(DATA), first[-16:])

    assert opener.has_state
    assert opener.open(SEQ, header(len(second)), second) == (23, DATA)


def test_mac_covers_the_header() -> None:
    """Another content type has another MAC."""
    with pytest.raises(BadRecordError, match="MAC is wrong"):
        check_mac("sha1", MAC_KEY, SEQ, header(len(DATA), content_type=22), DATA, mac(DATA))
