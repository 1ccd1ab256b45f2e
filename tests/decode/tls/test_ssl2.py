"""The ClientHello of SSL 2.0."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.tls.message import decode_client_hello
from harness.decode.tls.ssl2 import OldHello, find_hello


def build(version: int, specs: bytes, session: bytes, challenge: bytes) -> bytes:
    """As RFC 5246 appendix E.2 draws it."""
    sizes = struct.pack(">HHH", len(specs), len(session), len(challenge))
    body = b"\1" + struct.pack(">H", version) + sizes + specs + session + challenge
    return struct.pack(">H", 0x8000 | len(body)) + body


HELLO = build(0x0303, b"\0\0\x2f\1\0\x80", b"", b"c" * 16)


@given(
    st.sampled_from([2, 0x0300, 0x0301, 0x0303]),
    st.lists(st.binary(min_size=3, max_size=3), min_size=1, max_size=30),
    st.sampled_from([0, 16]),
    st.binary(min_size=16, max_size=32),
    st.binary(max_size=20),
)
def test_what_was_built_is_found(
    version: int, specs: list[bytes], session_size: int, challenge: bytes, rest: bytes
) -> None:
    """With its size, however many bytes follow; and its record says the same in the words of TLS."""
    data = build(version, b"".join(specs), bytes(session_size), challenge)
    found = find_hello(data + rest)

    assert found == OldHello(len(data), version, b"".join(specs), challenge)
    hello, problem = decode_client_hello(found.build_record()[9:])
    assert problem is None
    assert hello is not None
    assert (hello.version, hello.random) == (version, challenge.rjust(32, b"\0"))


@pytest.mark.parametrize("size", range(len(HELLO)))
def test_a_part_needs_more(size: int) -> None:
    """Nothing is decided too early."""
    assert find_hello(HELLO[:size]) is None


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1", b"\x80\x2e\2", b"\x80\x2e\1\5\0\0", HELLO[:5] + b"\0\7" + HELLO[7:]],
    ids=["text", "another type", "another version", "odd size"],
)
def test_what_is_none_is_told(data: bytes) -> None:
    """So that the bytes can be something else."""
    assert find_hello(data) is False
