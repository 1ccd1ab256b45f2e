"""Messages and exchanges: wire order is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.trace.http import Exchange, Header, Request, Response
from harness.trace.packet import PacketNumber

REQUEST = Request(
    method=b"GET",
    target=b"/",
    version=b"HTTP/1.1",
    headers=(
        Header(name=b"RemotePort", value=b"2"),
        Header(name=b"Host", value=b"x"),
        Header(name=b"REMOTEPORT", value=b"1"),
    ),
    trailers=(Header(name=b"RemotePort", value=b"3"),),
    first_ns=0,
    last_ns=0,
    packets=(PacketNumber(7), PacketNumber(9)),
)
RESPONSE = Response(
    status=200,
    version=b"HTTP/1.1",
    headers=(),
    first_ns=0,
    last_ns=0,
    packets=(PacketNumber(8), PacketNumber(9)),
)


def test_values_of_one_name_keep_their_order_and_case_does_not_matter() -> None:
    """Duplicates included; trailers are not headers."""
    assert REQUEST.values("remotePort") == (b"2", b"1")
    assert REQUEST.values("X-Forwarded-For") == ()


def test_packets_of_an_exchange_are_those_of_both_once_in_order() -> None:
    """A missing half has none."""
    assert Exchange(request=REQUEST, response=RESPONSE).packets == (7, 8, 9)
    assert Exchange(request=None, response=RESPONSE).packets == (8, 9)
    assert Exchange(request=REQUEST, response=None).packets == (7, 9)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/a?b=c", b"/a?b=c"),
        (b"https://access.example.com:443/a?b=c", b"/a?b=c"),
        (b"HTTP://access.example.com?b=c", b"/?b=c"),
        (b"https://access.example.com", b"/"),
        (b"*", b"*"),
        (b"access.example.com:443", b"access.example.com:443"),
        (b"/?next=https://access.example.com/a", b"/?next=https://access.example.com/a"),
    ],
)
def test_an_absolute_target_has_the_path_of_the_same_request_without_a_host(
    target: bytes, path: bytes
) -> None:
    """RFC 9112 section 3.2.2: a proxy may write it either way; other forms are what they are."""
    assert replace(REQUEST, target=target).path == path
