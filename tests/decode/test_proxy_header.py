"""Tests of the PROXY header."""

from __future__ import annotations

from typing import Literal

import pytest

from harness.decode.proxy_header import decode_proxy_header, find_proxy_header

V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (V2 + b"x", 28),
        (V2[:15], None),
        (V2[:3], None),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET", 32),
        (b"PROXY TCP4", None),
        (b"PROXY" + b" " * 200, 0),
        (b"POST", 0),
        (b"\r\nGET", 0),
        (b"", 0),
    ],
)
def test_a_proxy_header_is_measured(data: bytes, size: int | None) -> None:
    """Version 1 is text, version 2 has a length."""
    assert find_proxy_header(data) == size


@pytest.mark.parametrize(
    ("header", "version", "client"),
    [
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 40000 5262\r\n", 1, "192.0.2.1:40000"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 40000 5262\r\n", 1, "[2001:db8::1]:40000"),
        (b"PROXY UNKNOWN\r\n", 1, None),
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 x 5262\r\n", 1, None),
        (
            V2[:16] + bytes([192, 0, 2, 1, 10, 0, 0, 1, 0x9C, 0x40, 0x14, 0x8E]),
            2,
            "192.0.2.1:40000",
        ),
        (
            V2[:13] + b"\x21\x00\x24" + b"\x20\x01\x0d\xb8" + bytes(28) + b"\x9c\x40\x14\x8e",
            2,
            "[2001:db8::]:40000",
        ),
        (V2[:12] + b"\x20\x00\x00\x00", 2, None),
        (V2[:15] + b"\x02ab", 2, None),
    ],
    ids=["v1", "v1 IPv6", "v1 unknown", "v1 odd port", "v2", "v2 IPv6", "v2 local", "v2 short"],
)
def test_a_proxy_header_names_a_client(
    header: bytes, version: Literal[1, 2], client: str | None
) -> None:
    """What cannot be read names nobody."""
    got_version, got = decode_proxy_header(header)

    assert (got_version, str(got) if got is not None else None) == (version, client)
