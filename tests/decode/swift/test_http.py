"""Tests of the swift way through HTTP: the same exchanges as the careful one, or none at all."""

from __future__ import annotations

import pytest

from harness.decode.detail import EVERYTHING, Detail
from harness.decode.http.http1 import HttpDecoder
from harness.decode.swift.http import read_exchanges
from harness.decode.swift.odd import OddError
from harness.decode.swift.tls import Piece
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONNECT = b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


def pieces(*said: tuple[Side, bytes]) -> list[Piece]:
    """Each in a record of its own, of two packets."""
    return [
        (side, data, Seen(time_ns=n, packets=(PacketNumber(2 * n), PacketNumber(2 * n + 1))))
        for n, (side, data) in enumerate(said, 1)
    ]


@pytest.mark.parametrize(
    "said",
    [
        [("client", GET), ("server", OK)],
        [("client", GET), ("server", OK), ("client", POST), ("server", EMPTY)],
        [("client", POST[:-3]), ("client", POST[-3:]), ("server", OK[:-1]), ("server", OK[-1:])],
        [("client", GET)],
        [("client", b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"), ("server", OK[:-2])],
        [("client", GET[:-2] + b"Connection: close\r\n\r\n"), ("server", OK)],
        [],
    ],
    ids=["one", "two", "bodies in parts", "no answer", "HEAD", "the last one", "nothing"],
)
@pytest.mark.parametrize(
    "detail", [EVERYTHING, Detail(hashes=False, body_limit=1)], ids=["all", "less"]
)
def test_ordinary_exchanges(said: list[tuple[Side, bytes]], detail: Detail) -> None:
    """As the careful decoder reads them, field by field."""
    careful = HttpDecoder(detail)
    for side, data, seen in pieces(*said):
        careful.feed(side, data, seen)
    careful.end()

    assert careful.malformed() == ()
    assert read_exchanges(pieces(*said), detail) == (careful.exchanges(), None)


def test_a_granted_tunnel() -> None:
    """What comes after the answer goes through it, also where it shares a record with the answer."""
    said: list[tuple[Side, bytes]] = [
        ("client", CONNECT),
        ("server", b"HTTP/1.1 200 OK\r\n\r\nfirst"),
        ("client", GET),
        ("client", b"odd\n"),
    ]
    careful = HttpDecoder(EVERYTHING)
    out = [one for side, data, seen in pieces(*said) for one in careful.feed(side, data, seen)]
    careful.end()

    exchanges, granted = read_exchanges(pieces(*said), EVERYTHING)

    assert granted is not None
    assert (granted.target, granted.opened) == careful.tunnel
    assert granted.pieces == [(one.side, one.data, one.seen) for one in out]
    assert len(out) == 3
    assert exchanges == careful.exchanges()


@pytest.mark.parametrize(
    "said",
    [
        [("server", OK)],
        [("client", b"\x16\x03\x01")],
        [("client", GET[:-1])],
        [("client", GET + GET), ("server", OK)],
        [("client", GET), ("server", b"HTTP/1.1 100 Continue\r\n\r\n")],
        [("client", GET), ("server", b"HTTP/1.1 200 OK\r\n\r\nuntil close")],
        [
            ("client", GET),
            ("server", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ],
        [("client", GET), ("server", OK + OK)],
        [("client", GET), ("server", OK[:-1])],
        [("client", POST[:-1]), ("server", OK)],
        [("client", CONNECT), ("server", OK.replace(b"200", b"403"))],
        [("client", CONNECT + b"early"), ("server", b"HTTP/1.1 200 OK\r\n\r\n")],
        [("client", GET.replace(b"\r\n", b"\n"))],
        [("client", GET[:-2] + b"A : b\r\n\r\n")],
        [("client", GET[:-2] + b"A: b\r\n c\r\n\r\n")],
        [("client", GET[:-2] + b"A: b\x00\r\n\r\n")],
        [("client", GET[:-2] + b"A: b\nB: c\r\n\r\n")],
        [("client", GET[:-2] + b"Host: y\r\n\r\n")],
        [("client", POST.replace(b": 5", b": 5, 6"))],
        [("client", b"\r\n" + GET)],
        [("client", GET[:-2] + b"Connection: close\r\n\r\n"), ("server", OK), ("client", GET)],
    ],
    ids=[
        "server first",
        "no HTTP",
        "head cut",
        "pipelined",
        "interim",
        "until close",
        "chunked",
        "two answers",
        "body cut",
        "answer before the end",
        "CONNECT refused",
        "sent before the answer to CONNECT",
        "bare LF",
        "space before colon",
        "folded",
        "NUL",
        "LF in a header",
        "two hosts",
        "two lengths",
        "empty line first",
        "after the last",
    ],
)
def test_everything_else_is_left_to_care(said: list[tuple[Side, bytes]]) -> None:
    """Whatever may be malformed, or needs to know more."""
    with pytest.raises(OddError):
        read_exchanges(pieces(*said), EVERYTHING)
