"""Tests of exchanges told briefly: the same as with care, or none at all."""

from __future__ import annotations

import pytest

from harness.capture.keylog import parse_keylog
from harness.decode.swift.exchange import read_exchanges
from harness.trace.brief import BriefExchange
from harness.trace.tls import Side
from tests.decode.swift.test_http import EMPTY, GET, OK, POST
from tests.decode.swift.test_swift import talk_of
from tests.decode.tcp.test_talk_table import table_of
from tests.tls_wire import Peers, converse

HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def read(*sends: tuple[Side, bytes]) -> tuple[BriefExchange, ...] | None:
    """Of a connection with these records, beside another one; the packets are flights."""
    talk, other = converse(Peers(), list(sends)), converse(Peers(), [("client", GET)])
    secrets = parse_keylog(talk.keylog + other.keylog)
    tables = table_of(talk_of(other.chunks), talk_of(talk.chunks), talk_of(other.chunks))
    before, found, after = read_exchanges(tables, secrets)
    assert before is not None
    assert before == after
    assert [exchange.target for exchange in before] == [b"/a"]
    return found


@pytest.mark.parametrize(
    ("sends", "expected"),
    [
        ([], []),
        ([("client", GET)], [(b"/a", None)]),
        ([("client", GET), ("server", OK)], [(b"/a", 200)]),
        (
            [("client", GET), ("server", OK), ("client", POST), ("server", EMPTY)],
            [(b"/a", 200), (b"/b", 204)],
        ),
        ([("client", POST[:-3]), ("client", POST[-3:]), ("server", OK)], [(b"/b", 200)]),
        ([("client", HEAD), ("server", OK[:-2])], [(b"/", 200)]),
        ([("client", LAST), ("server", OK)], [(b"/a", 200)]),
    ],
    ids=["nothing", "no answer", "one", "two", "body in parts", "HEAD", "the last one"],
)
def test_ordinary_exchanges(
    sends: list[tuple[Side, bytes]], expected: list[tuple[bytes, int | None]]
) -> None:
    """Target and status of each, and times that go forth."""
    found = read(*sends)

    assert found is not None
    assert [(each.target, each.status) for each in found] == expected
    times = [t for each in found for t in (each.requested_ns, each.answered_ns) if t is not None]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    "sends",
    [
        [("server", OK)],
        [("client", GET + GET), ("server", OK), ("server", OK)],
        [("client", GET), ("client", GET), ("server", OK), ("server", OK)],
        [("client", GET), ("server", OK + OK)],
        [("client", GET), ("server", OK), ("server", OK)],
        [("client", GET), ("server", b"HTTP/1.1 100 Continue\r\n\r\n"), ("server", OK)],
        [("client", GET), ("server", b"HTTP/1.1 200 OK\r\n\r\nuntil close")],
        [("client", GET), ("server", OK[:-1])],
        [("client", POST[:-1]), ("server", OK)],
        [("client", b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n")],
        [("client", b"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n")],
        [("client", GET.replace(b"1.1", b"1.0")), ("server", OK)],
        [("client", GET.replace(b"\r\n", b"\n"))],
        [("client", GET[:-2] + b"A : b\r\n\r\n")],
        [("client", GET[:-2] + b"A: b\r\n c\r\n\r\n")],
        [("client", GET[:-2] + b"A: b\x00\r\n\r\n")],
        [("client", GET[:-2] + b"Host: y\r\n\r\n")],
        [("client", GET[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")],
        [("client", POST.replace(b": 5", b": 5, 6"))],
        [("client", POST[:-7] + b"Content-length: 5\r\n\r\nhello")],
        [("client", LAST), ("server", OK), ("client", GET)],
        [("client", GET[:-1])],
    ],
    ids=[
        "server first",
        "two in a record",
        "pipelined",
        "two answers in a record",
        "two answers",
        "interim",
        "until close",
        "body cut",
        "answer before the end",
        "CONNECT",
        "to a proxy",
        "1.0",
        "bare LF",
        "space before colon",
        "folded",
        "NUL",
        "two hosts",
        "chunked",
        "two numbers",
        "two lengths",
        "after the last",
        "head cut",
    ],
)
def test_everything_else_is_left_to_care(sends: list[tuple[Side, bytes]]) -> None:
    """Whatever may be malformed, or needs to know more."""
    assert read(*sends) is None
