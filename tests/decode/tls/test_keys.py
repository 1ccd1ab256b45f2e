"""Tests of harness/decode/tls/keys.py, on published vectors."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from harness.decode.tls.cipher import BadRecordError, Tls13Opener
from harness.decode.tls.keys import build_tls13_opener, derive_prf, expand_label, update_secret
from harness.decode.tls.suite import find_suite

AES_128_GCM = find_suite(0x1301)
assert AES_128_GCM is not None

# RFC 8448 section 3: traffic secret, write key, write IV.
RFC8448_KEYS = [
    (
        "server handshake",
        "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
        "3fce516009c21727d0f2e4e86ee403bc",
        "5d313eb2671276ee13000b30",
    ),
    (
        "client handshake",
        "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
        "dbfaa693d1762c5b666af5d950258d01",
        "5bd3c71b836e0b76bb73265f",
    ),
    (
        "server application",
        "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
        "9f02283b6c9c07efc26bb9f2ac92e356",
        "cf782b88dd83549aadf1e984",
    ),
    (
        "client application",
        "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
        "17422dda596ed5d9acd890e3c63f5051",
        "5b78923dee08579033e523d9",
    ),
]

# RFC 8448 section 3: the client's Finished and its first application data, complete records.
CLIENT_FINISHED = bytes.fromhex(
    "1703030035"
    "75ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f8"
    "0338ac98fc46deb384bd1caeacab6867d726c40546"
)
CLIENT_DATA = bytes.fromhex(
    "1703030043"
    "a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5"
    "b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb2169"
    "4915e4"
)


@pytest.mark.parametrize(
    ("secret", "key", "iv"), [row[1:] for row in RFC8448_KEYS], ids=[r[0] for r in RFC8448_KEYS]
)
def test_traffic_keys_of_rfc8448(secret: str, key: str, iv: str) -> None:
    """Keys and IVs are those of RFC 8448 section 3."""
    data = bytes.fromhex(secret)

    assert expand_label(data, b"key", 16, "sha256").hex() == key
    assert expand_label(data, b"iv", 12, "sha256").hex() == iv


def test_finished_record_of_rfc8448_opens() -> None:
    """The client's Finished of RFC 8448 section 3 opens with its handshake secret."""
    assert AES_128_GCM is not None
    opener = build_tls13_opener(AES_128_GCM, bytes.fromhex(RFC8448_KEYS[1][1]))

    kind, content = opener.open(0, CLIENT_FINISHED[:5], CLIENT_FINISHED[5:])

    assert kind == 22
    assert (
        content.hex() == "14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61"
    )


def test_data_record_of_rfc8448_opens() -> None:
    """The client's application data of RFC 8448 section 3 is the bytes 0 to 49."""
    assert AES_128_GCM is not None
    opener = build_tls13_opener(AES_128_GCM, bytes.fromhex(RFC8448_KEYS[3][1]))

    assert opener.open(0, CLIENT_DATA[:5], CLIENT_DATA[5:]) == (23, bytes(range(50)))


@pytest.mark.parametrize("position", [0, 2, 4, 5, 30, 71])
def test_changed_record_is_refused(position: int) -> None:
    """One changed byte of header, ciphertext or tag: nothing is given."""
    assert AES_128_GCM is not None
    opener = build_tls13_opener(AES_128_GCM, bytes.fromhex(RFC8448_KEYS[3][1]))
    changed = bytearray(CLIENT_DATA)
    changed[position] ^= 1

    with pytest.raises(BadRecordError, match="tag is wrong"):
        opener.open(0, bytes(changed[:5]), bytes(changed[5:]))


def test_prf_of_tls12() -> None:
    """The PRF gives the published SHA-256 vector (mailing list of the TLS working group, 2009)."""
    got = derive_prf(
        bytes.fromhex("9bbe436ba940f017b17652849a71db35"),
        b"test label",
        bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c"),
        100,
        version=0x0303,
        hash_name="sha256",
    )

    assert got.hex() == (
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"
        "6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab"
        "4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701"
        "87347b66"
    )


def test_updated_secret_differs_and_keeps_its_size() -> None:
    """A KeyUpdate gives another secret of one hash length."""
    suite = find_suite(0x1302)
    assert suite is not None

    updated = update_secret(suite, bytes(48))

    assert len(updated) == 48
    assert updated != bytes(48)


def test_tls13_builds_its_own_opener() -> None:
    """A suite of TLS 1.3 has the type inside."""
    assert AES_128_GCM is not None

    assert isinstance(build_tls13_opener(AES_128_GCM, bytes(32)), Tls13Opener)


@pytest.mark.parametrize(
    ("draft", "prefix", "update"),
    [
        (18, b"TLS 1.3, ", b"application traffic secret"),
        (19, b"TLS 1.3, ", b"application traffic secret"),
        (20, b"tls13 ", b"traffic upd"),
        (28, b"tls13 ", b"traffic upd"),
    ],
)
def test_labels_of_the_drafts(draft: int, prefix: bytes, update: bytes) -> None:
    """Draft 20 shortened prefix and labels."""
    suite, secret = find_suite(0x1301), bytes(range(32))
    assert suite is not None

    def expand(label: bytes, size: int) -> bytes:
        info = size.to_bytes(2, "big") + bytes((len(label),)) + label + b"\0"
        return HKDFExpand(algorithm=SHA256(), length=size, info=info).derive(secret)

    assert expand_label(secret, b"key", 16, "sha256", draft=draft) == expand(prefix + b"key", 16)
    assert update_secret(suite, secret, draft=draft) == expand(prefix + update, 32)


def test_key_block_of_ssl3() -> None:
    """RFC 6101 section 6.2.2, its first two rounds written out."""
    secret, seed = bytes(range(48)), bytes(64)
    first = hashlib.md5(secret + hashlib.sha1(b"A" + secret + seed).digest()).digest()
    second = hashlib.md5(secret + hashlib.sha1(b"BB" + secret + seed).digest()).digest()

    got = derive_prf(secret, b"no label", seed, 20, version=0x0300, hash_name="sha256")

    assert got == (first + second)[:20]
