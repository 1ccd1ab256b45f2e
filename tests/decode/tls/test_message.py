"""Tests of harness/decode/tls/message.py."""

from __future__ import annotations

import zlib

import pytest

from harness.decode.tls.message import (
    CERTIFICATE_LIMIT,
    MessageError,
    decode_client_hello,
    find_authorities,
    find_ticket,
    parse_certificate_list,
    parse_compressed_certificate,
    parse_encrypted_extensions,
    parse_server_hello,
)
from tests.tls_script import (
    ALPN,
    CLIENT_RANDOM,
    EARLY_DATA,
    PSK,
    RETRY_RANDOM,
    SERVER_RANDOM,
    SNI,
    client_hello,
    extension,
    server_hello,
    vector,
)

HELLO = client_hello(SNI, ALPN, EARLY_DATA, session_id=b"id")[4:]


def test_client_hello_is_read() -> None:
    """Random, session identifier, name and protocols."""
    hello, problem = decode_client_hello(HELLO)

    assert problem is None
    assert hello is not None
    assert (hello.version, hello.random, hello.session_id) == (0x0303, CLIENT_RANDOM, b"id")
    assert (hello.sni, hello.alpn, hello.offers_early_data) == (
        "svc.example.test",
        ("h2", "http/1.1"),
        True,
    )


def test_client_hello_without_extensions_is_read() -> None:
    """RFC 5246 section 7.4.1.2: extensions may be missing altogether."""
    hello, problem = decode_client_hello(client_hello()[4:-2])

    assert problem is None
    assert hello is not None
    assert (hello.sni, hello.alpn) == (None, ())


@pytest.mark.parametrize("size", range(len(HELLO)))
def test_cut_client_hello_tells_what_is_wrong(size: int) -> None:
    """No cut passes for whole; from the random on, the random is kept. A cut before the extensions is a legal hello."""
    hello, problem = decode_client_hello(HELLO[:size])
    before_extensions = len(client_hello(session_id=b"id")) - 4 - 2

    assert (problem is None) == (size == before_extensions)
    assert (hello is not None) == (size >= 34)


def test_bytes_after_the_extensions_are_wrong() -> None:
    """They are told, and the hello is kept."""
    hello, problem = decode_client_hello(HELLO + b"x")

    assert problem == "bytes follow the extensions"
    assert hello is not None
    assert hello.sni == "svc.example.test"


@pytest.mark.parametrize(
    ("data", "sni"),
    [
        (vector(2, b"\0" + vector(2, b"a\xffb")), "a\\xffb"),
        (vector(2, b"\x01" + vector(2, b"other") + b"\0" + vector(2, b"host")), "host"),
        (b"", None),
    ],
    ids=["not ascii", "second kind", "empty"],
)
def test_server_name(data: bytes, sni: str | None) -> None:
    """The first host_name counts; bytes that are not ASCII are escaped."""
    hello, _ = decode_client_hello(client_hello(extension(0, data))[4:])

    assert hello is not None
    assert hello.sni == sni


def test_first_of_repeated_extensions_counts() -> None:
    """RFC 8446 section 4.2 forbids a second one of a type."""
    second = extension(0, vector(2, b"\0" + vector(2, b"second.example.test")))
    hello, _ = decode_client_hello(client_hello(SNI, second)[4:])

    assert hello is not None
    assert hello.sni == "svc.example.test"


@pytest.mark.parametrize(
    ("version", "is_tls13"),
    [(0x0303, False), (0x0304, True), (0x7F1C, True), (0xFB1A, True), (0x0302, False)],
)
def test_version_is_the_selected_one(version: int, *, is_tls13: bool) -> None:
    """supported_versions outranks the field in front."""
    hello = parse_server_hello(server_hello(version=version)[4:])

    assert (hello.version, hello.is_tls13, hello.is_retry) == (version, is_tls13, False)
    assert (hello.random, hello.cipher_suite) == (SERVER_RANDOM, 0x1301)


def test_retry_is_told_by_its_random() -> None:
    """RFC 8446 section 4.1.3; before TLS 1.3 the same random is an ordinary one."""
    assert parse_server_hello(server_hello(random=RETRY_RANDOM)[4:]).is_retry
    assert not parse_server_hello(server_hello(random=RETRY_RANDOM, version=0x0303)[4:]).is_retry


def test_server_hello_of_an_early_draft() -> None:
    """Up to draft 21 it had neither session identifier nor compression."""
    body = b"\x7f\x13" + SERVER_RANDOM + b"\x13\x02" + vector(2, PSK)
    hello = parse_server_hello(body)

    assert (hello.version, hello.cipher_suite, hello.selects_psk) == (0x7F13, 0x1302, True)


@pytest.mark.parametrize("size", [0, 1, 33, 34, 35, 36])
def test_cut_server_hello_is_refused(size: int) -> None:
    """A ServerHello without its fields is an error."""
    with pytest.raises(MessageError, match="wanted at offset"):
        parse_server_hello(server_hello()[4:][:size])


def test_encrypted_extensions() -> None:
    """The chosen protocol and the answer to early data."""
    chosen = extension(16, vector(2, vector(1, b"h2")))

    assert parse_encrypted_extensions(vector(2, chosen + EARLY_DATA)) == ("h2", True)
    assert parse_encrypted_extensions(vector(2, b"")) == (None, False)


def test_certificate_lists() -> None:
    """TLS 1.2 has plain entries, TLS 1.3 a context in front and extensions behind each."""
    plain = vector(3, vector(3, b"leaf") + vector(3, b"root"))
    newer = vector(1, b"ctx") + vector(
        3, vector(3, b"leaf") + vector(2, PSK) + vector(3, b"root") + vector(2, b"")
    )

    assert parse_certificate_list(plain, is_tls13=False) == (b"leaf", b"root")
    assert parse_certificate_list(newer, is_tls13=True) == (b"leaf", b"root")
    assert parse_certificate_list(vector(3, b""), is_tls13=False) == ()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (vector(3, vector(3, b"leaf")) + b"x", "bytes follow"),
        (vector(3, b"\0\0\x09leaf"), "9 bytes wanted"),
        (vector(3, vector(3, b"a") * (CERTIFICATE_LIMIT + 1)), "more than 100 certificates"),
    ],
    ids=["trailing", "cut", "many"],
)
def test_bad_certificate_list_is_refused(body: bytes, message: str) -> None:
    """Each says what is wrong."""
    with pytest.raises(MessageError, match=message):
        parse_certificate_list(body, is_tls13=False)


def compressed(data: bytes, *, algorithm: int = 1, size: int | None = None) -> bytes:
    """A CompressedCertificate body."""
    told = len(data) if size is None else size
    return algorithm.to_bytes(2, "big") + told.to_bytes(3, "big") + vector(3, zlib.compress(data))


def test_compressed_certificate() -> None:
    """RFC 8879: zlib gives the Certificate message back."""
    assert parse_compressed_certificate(compressed(bytes(5000)), limit=6000) == bytes(5000)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (compressed(b"x", algorithm=2), "compression 2 is not supported"),
        (compressed(bytes(5000), size=6001), "the limit is 6000"),
        (compressed(bytes(5000), size=4000), "another size than 4000"),
        (compressed(bytes(5000), size=5001), "another size than 5001"),
        (b"\0\1\0\0\1" + vector(3, b"rubbish"), "incorrect header check"),
    ],
    ids=["brotli", "limit", "longer", "shorter", "rubbish"],
)
def test_bad_compression_is_refused(body: bytes, message: str) -> None:
    """Nothing beyond the told size is unpacked."""
    with pytest.raises(MessageError, match=message):
        parse_compressed_certificate(body, limit=6000)


def test_pre_shared_keys_are_read() -> None:
    """Identity and age, again and again; what cannot be read offers nothing."""
    offered = vector(2, vector(2, b"one") + bytes(4) + vector(2, b"two") + bytes(4)) + b"binders"
    whole, _ = decode_client_hello(client_hello(extension(41, offered))[4:])
    cut, _ = decode_client_hello(client_hello(extension(41, offered[:9]))[4:])

    assert whole is not None
    assert cut is not None
    assert (whole.identities, cut.identities) == ((b"one", b"two"), ())


def test_the_selected_key_is_read() -> None:
    """0-based."""
    hello = parse_server_hello(server_hello(extension(41, b"\0\1"))[4:])

    assert (hello.selects_psk, hello.selected_identity) == (True, 1)


@pytest.mark.parametrize(
    ("body", "is_tls13"),
    [(b"\0\0\0\7" + bytes(4) + b"\1n" + b"\0\3one" + b"\0\0", True), (b"\0\0\0\7\0\3one", False)],
    ids=["TLS 1.3", "TLS 1.2"],
)
def test_tickets_are_read(body: bytes, *, is_tls13: bool) -> None:
    """Behind lifetime, age and nonce."""
    assert find_ticket(body, is_tls13=is_tls13) == (7, b"one")
    assert find_ticket(body[:7], is_tls13=is_tls13) is None


NAMES = b"\0\x08" + b"\0\2aa" + b"\0\2bb"


@pytest.mark.parametrize(
    ("body", "is_tls13"),
    [
        (b"\0\0\x0e" + b"\0\x2f\0\x0a" + NAMES, True),
        (b"\1\x40\0\2\4\3" + NAMES, False),
        (b"\1\x40" + NAMES, False),
    ],
    ids=["TLS 1.3", "TLS 1.2", "TLS 1.1"],
)
def test_authorities_are_read(body: bytes, *, is_tls13: bool) -> None:
    """RFC 8446 section 4.2.4, RFC 5246 section 7.4.4; what is cut names nobody."""
    assert find_authorities(body, is_tls13=is_tls13) == (b"aa", b"bb")
    assert find_authorities(body[:-1], is_tls13=is_tls13) == ()
    assert find_authorities(b"\0\0\0", is_tls13=True) == ()
