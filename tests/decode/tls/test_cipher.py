"""Tests of harness/decode/tls/cipher.py: records are made here with the primitives, then changed."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, IDEA, SEED, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from harness.decode.tls.cipher import (
    COMPRESSED_LIMIT,
    SSL_3_0,
    BadRecordError,
    CbcOpener,
    InflateOpener,
    Opener,
    StreamOpener,
    Tls12AeadOpener,
    Tls13Opener,
    check_mac,
)
from harness.decode.tls.suite import Suite, find_suite

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
    return StreamOpener(suite(0x05), KEY, MAC_KEY, version=0x0303), fragment


def null() -> tuple[Opener, bytes]:
    """No cipher, SHA-1."""
    return StreamOpener(suite(0x02), b"", MAC_KEY, version=0x0303), DATA + mac(DATA)


def mac_ssl3(data: bytes, digest: str = "sha1", key: bytes = MAC_KEY) -> bytes:
    """RFC 6101 section 5.2.3.1."""
    pad = {"sha1": 40, "md5": 48}[digest]
    head = SEQ.to_bytes(8, "big") + b"\x17" + len(data).to_bytes(2, "big")
    inside = hashlib.new(digest, key + b"6" * pad + head + data).digest()
    return hashlib.new(digest, key + b"\\" * pad + inside).digest()


def cbc_ssl3() -> tuple[Opener, bytes]:
    """SSL 3.0, CBC: the IV is chained, and only the last byte of the padding means something."""
    data = DATA + mac_ssl3(DATA)
    padding = b"any padding bytes"[: 15 - len(data) % 16] + bytes((15 - len(data) % 16,))
    return cbc(version=SSL_3_0, iv=bytes(16)), encrypt_cbc(data, bytes(16), padding=padding)


def rc4_ssl3() -> tuple[Opener, bytes]:
    """SSL 3.0, RC4 with MD5."""
    data = DATA + mac_ssl3(DATA, "md5", KEY)
    fragment = Cipher(ARC4(KEY), mode=None).encryptor().update(data)
    return StreamOpener(suite(0x04), KEY, KEY, version=SSL_3_0), fragment


def deflated() -> tuple[Opener, bytes]:
    """TLS 1.2 with compression (RFC 3749)."""
    deflater = zlib.compressobj()
    data = deflater.compress(DATA) + deflater.flush(zlib.Z_SYNC_FLUSH)
    explicit = b"explicit"
    fragment = explicit + AESGCM(KEY).encrypt(IV[:4] + explicit, data, additional(len(data)))
    return InflateOpener(Tls12AeadOpener(suite(0x9C), KEY, IV[:4])), fragment


def gcm_draft() -> tuple[Opener, bytes]:
    """TLS 1.3 before draft 25: the header is not authenticated."""
    fragment = AESGCM(KEY).encrypt(nonce(IV), DATA + b"\x17", b"")
    return Tls13Opener(suite(0x1301), KEY, IV, covers_header=False), fragment


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
    cbc_ssl3,
    rc4_ssl3,
    deflated,
    gcm_draft,
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


def test_compression_goes_on_from_record_to_record() -> None:
    """RFC 3749 section 2: the dictionary is kept, so no record can be left out."""
    deflater = zlib.compressobj()
    opener = InflateOpener(StreamOpener(suite(0x02), b"", MAC_KEY, version=0x0303))
    texts = [DATA * 20, DATA * 20]
    sealed = []
    for seq, text in enumerate(texts):
        data = deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)
        head = seq.to_bytes(8, "big") + header(len(data))
        sealed.append(data + hmac.digest(MAC_KEY, head + data, "sha1"))

    got = [opener.open(seq, header(len(s)), s)[1] for seq, s in enumerate(sealed)]

    assert opener.has_state
    assert got == texts
    assert len(sealed[1]) < len(sealed[0])


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (zlib.compress(bytes(1 << 24)), "more than 16384 bytes come out"),
        (b"no stream", "cannot be decompressed"),
        (bytes(COMPRESSED_LIMIT + 1), "compressed fragment of 17409 bytes"),
    ],
    ids=["bomb", "rubbish", "long"],
)
def test_compression_is_bounded(data: bytes, problem: str) -> None:
    """A right MAC does not make the content right."""
    opener = InflateOpener(StreamOpener(suite(0x02), b"", MAC_KEY, version=0x0303))
    fragment = data + mac(data)

    with pytest.raises(BadRecordError, match=problem):
        opener.open(SEQ, header(len(fragment)), fragment)


def test_ssl3_padding_is_less_than_a_block() -> None:
    """RFC 6101 section 5.2.3.2: longer padding is refused, also where the MAC is right."""
    data = DATA + mac_ssl3(DATA)
    size = 15 - len(data) % 16 + 16
    fragment = encrypt_cbc(data, bytes(16), padding=bytes((size,)) * (size + 1))

    with pytest.raises(BadRecordError, match="padding is wrong"):
        cbc(version=SSL_3_0, iv=bytes(16)).open(SEQ, header(len(fragment)), fragment)


def _single_des(key: bytes) -> BlockCipherAlgorithm:
    """The library has DES only as a part of 3DES."""
    return TripleDES(key + key + key)


@pytest.mark.parametrize(
    ("code_point", "algorithm", "key_size"),
    [(0x96, SEED, 16), (0x07, IDEA, 16), (0x09, _single_des, 8)],
)
def test_old_block_ciphers(
    code_point: int, algorithm: Callable[[bytes], BlockCipherAlgorithm], key_size: int
) -> None:
    """TLS 1.1 with SEED, IDEA and DES."""
    found = suite(code_point)
    key, block = KEY[:key_size], found.block_size
    data = DATA + mac(DATA)
    size = block - 1 - len(data) % block
    encryptor = Cipher(algorithm(key), CBC(bytes(block))).encryptor()
    body = encryptor.update(data + bytes((size,)) * (size + 1)) + encryptor.finalize()
    opener = CbcOpener(found, key, b"", MAC_KEY, version=0x0302, encrypt_then_mac=False)
    fragment = bytes(block) + body

    assert opener.open(SEQ, header(len(fragment)), fragment) == (23, DATA)
