"""Tests of sniffing."""

from __future__ import annotations

import pytest

from harness.decode.sniff import Protocol, begins_with_client_hello, sniff_client, sniff_server


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None),
        (b"\x16", None),
        (b"\x16\x03", None),
        (b"\x16\x03\x01", "tls"),
        (b"\x17\x03\x03", "tls"),
        (b"\x16\x04", "other"),
        (b"GE", None),
        (b"GET ", "http"),
        (b"\r\nCONNECT a", "http"),
        (b"brew /pot HTTP/1.1\r\n", "http"),
        (b"brew /pot", None),
        (b"SSH-2.0-x y\r\n", "other"),
        (b"PRI * HTTP/2.0\r\n", None),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rx", "other"),
        (b"\x00\x01", "other"),
        (b"x" * 9000, "other"),
    ],
)
def test_the_client_tells(data: bytes, expected: Protocol | None) -> None:
    """None asks for more bytes."""
    assert sniff_client(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None),
        (b"HTTP/", None),
        (b"HTTP/1.1 ", "http"),
        (b"220 mail", "other"),
        (b"\x16\x03\x03", "tls"),
    ],
)
def test_the_server_tells(data: bytes, expected: Protocol | None) -> None:
    """Where the client was not seen."""
    assert sniff_server(data) == expected


@pytest.mark.parametrize(
    ("data", "is_hello"),
    [
        (bytes.fromhex("16030100c8010000c40303"), True),
        (bytes.fromhex("16030300c8010000c40301") + bytes(200), True),
        (bytes.fromhex("16030100c8020000c40303"), False),
        (bytes.fromhex("16030100c801"), False),
        (b"\x16\x03 not a hello", False),
        (b"", False),
    ],
    ids=["hello", "older", "ServerHello", "too short", "text", "nothing"],
)
def test_a_client_hello_is_known_by_its_first_bytes(data: bytes, *, is_hello: bool) -> None:
    """Also in the middle of a connection, where TLS is what comes next."""
    assert begins_with_client_hello(data) is is_hello
