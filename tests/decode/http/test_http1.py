"""Tests of HTTP/1.x: dialogues of both sides to exchanges."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.http.http1 import HttpDecoder, TunnelBytes
from harness.trace.http import Exchange, Request, Response
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side

Part = tuple[Side, bytes | int | None]


def play(parts: list[Part], *, closed: bool = False) -> tuple[HttpDecoder, list[TunnelBytes]]:
    """Feed parts as packets 1, 2, 3 at that many nanoseconds; a number is a gap."""
    decoder = HttpDecoder()
    out: list[TunnelBytes] = []
    for number, (side, part) in enumerate(parts, 1):
        seen = Seen(time_ns=number, packets=(PacketNumber(number),))
        if isinstance(part, bytes):
            out.extend(decoder.feed(side, part, seen))
        else:
            out.extend(decoder.gap(side, part, seen))
    decoder.end(client_closed=closed, server_closed=closed)
    return decoder, out


GOOD_REQUEST = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
ODD_REQUEST = b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"
ODD_CHUNKS = (
    b"POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 ;\r\nx\n0\r\nA : b\r\n\r\n"
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ODD_ANSWER = b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([("client", ODD_REQUEST)], {0}),
        ([("client", GOOD_REQUEST + ODD_REQUEST)], {1}),
        ([("client", GOOD_REQUEST * 2 + ODD_CHUNKS)], {2}),
        ([("client", GOOD_REQUEST + b"nonsense\r\n\r\n")], {None}),
        ([("client", GOOD_REQUEST * 2), ("server", ANSWER + ODD_ANSWER)], {1}),
        ([("client", GOOD_REQUEST), ("server", ANSWER + ODD_ANSWER)], {1}),
        ([("server", ANSWER), ("client", b"GET /4 HTTP/1.1\nHost: a\n\n")], {1}),
    ],
    ids=["head", "after a good one", "chunks, trailers", "no request", "answer", "alone", "later"],
)
def test_it_is_known_in_which_exchange_something_is_malformed(
    parts: list[Part], expected: set[int | None]
) -> None:
    """Whole and byte by byte: by its place among the exchanges."""
    whole, _ = play(parts)
    bitwise, _ = play(split(parts, 1))

    assert {m.exchange for m in whole.malformed()} == expected
    assert [m.exchange for m in bitwise.malformed()] == [m.exchange for m in whole.malformed()]


def split(parts: list[Part], size: int) -> list[Part]:
    """The same bytes in pieces."""
    return [
        (side, part[at : at + size])
        for side, part in parts
        if isinstance(part, bytes)
        for at in range(0, len(part), size)
    ]


def brief(exchange: Exchange) -> tuple[object, ...]:
    """Method, target, request body, status, response body."""
    request, response = exchange.request, exchange.response
    return (
        request and request.method,
        request and request.target,
        request and request.body,
        response and response.status,
        response and response.body,
    )


GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nX-End: 1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"

DIALOGUES: dict[str, tuple[list[Part], list[tuple[object, ...]]]] = {
    "one": ([("client", GET), ("server", OK)], [(b"GET", b"/a", b"", 200, b"ok")]),
    "bodies": (
        [("client", POST), ("server", EMPTY), ("client", CHUNKED), ("server", OK)],
        [(b"POST", b"/b", b"body", 204, b""), (b"POST", b"/c", b"abcde", 200, b"ok")],
    ),
    "pipelined": (
        [("client", GET + POST + GET), ("server", OK + EMPTY + OK)],
        [
            (b"GET", b"/a", b"", 200, b"ok"),
            (b"POST", b"/b", b"body", 204, b""),
            (b"GET", b"/a", b"", 200, b"ok"),
        ],
    ),
    "interim": (
        [
            ("client", POST[:-4]),
            ("server", b"HTTP/1.1 100 Continue\r\n\r\n"),
            ("client", POST[-4:]),
            ("server", OK),
        ],
        [(b"POST", b"/b", b"body", 200, b"ok")],
    ),
    "HEAD": (
        [
            ("client", GET.replace(b"GET", b"HEAD")),
            ("server", OK[:-2]),
            ("client", GET),
            ("server", OK),
        ],
        [(b"HEAD", b"/a", b"", 200, b""), (b"GET", b"/a", b"", 200, b"ok")],
    ),
    "not modified": (
        [
            ("client", GET),
            ("server", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
            ("client", GET),
            ("server", OK),
        ],
        [(b"GET", b"/a", b"", 304, b""), (b"GET", b"/a", b"", 200, b"ok")],
    ),
    "chunked answer": (
        [
            ("client", GET),
            (
                "server",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n",
            ),
        ],
        [(b"GET", b"/a", b"", 200, b"z")],
    ),
    "refused CONNECT": (
        [
            ("client", b"CONNECT a:443 HTTP/1.1\r\n\r\n" + GET),
            ("server", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1\r\n\r\nn" + OK),
        ],
        [(b"CONNECT", b"a:443", b"", 403, b"n"), (b"GET", b"/a", b"", 200, b"ok")],
    ),
    "empty lines before a request": (
        [("client", b"\r\n" + GET + b"\r\n\r\n" + GET), ("server", OK + OK)],
        [(b"GET", b"/a", b"", 200, b"ok")] * 2,
    ),
}


@pytest.mark.parametrize("size", [10_000, 7, 1], ids=["whole", "sevens", "byte by byte"])
@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogues_read_the_same_however_they_are_cut(name: str, size: int) -> None:
    """Exchanges and bodies are as sent, all complete, and nothing is malformed."""
    parts, expected = DIALOGUES[name]

    decoder, _ = play(split(parts, size))

    assert [brief(found) for found in decoder.exchanges()] == expected
    assert decoder.malformed() == ()
    messages = [m for e in decoder.exchanges() for m in (e.request, e.response) if m is not None]
    assert all(message.complete for message in messages)


@pytest.mark.parametrize("name", DIALOGUES)
def test_a_dialogue_cut_anywhere_never_claims_more(name: str) -> None:
    """Cut at every offset of its last part: earlier messages stand, the last one is not complete."""
    parts, expected = DIALOGUES[name]
    side, last = parts[-1]
    assert isinstance(last, bytes)
    for size in range(len(last)):
        decoder, _ = play([*parts[:-1], (side, last[:size])])
        found = decoder.exchanges()
        responses = [e.response for e in found if e.response is not None and e.response.complete]
        whole = [row for row in expected if row[3] is not None]
        assert len(responses) < len(whole)
        assert [r.body for r in responses] == [row[4] for row in whole[: len(responses)]]


def test_messages_know_their_packets_and_times() -> None:
    """A packet that carries the end of one message and the begin of another belongs to both."""
    decoder, _ = play([("client", GET[:5]), ("client", GET[5:] + POST[:9]), ("client", POST[9:])])

    first, second = (e.request for e in decoder.exchanges())

    assert first is not None
    assert second is not None
    assert (first.packets, first.first_ns, first.last_ns) == ((1, 2), 1, 2)
    assert (second.packets, second.first_ns, second.last_ns) == ((2, 3), 2, 3)


def test_headers_are_kept_as_sent() -> None:
    """Case, order, duplicates and bytes; only the space around a value goes."""
    decoder, _ = play(
        [("client", b"GET / HTTP/1.1\r\nRemotePort: 1\r\nremoteport:\t\xff 2 \r\nA:\r\n\r\n")]
    )

    (found,) = decoder.exchanges()

    assert found.request is not None
    assert [(h.name, h.value) for h in found.request.headers] == [
        (b"RemotePort", b"1"),
        (b"remoteport", b"\xff 2"),
        (b"A", b""),
    ]
    assert found.request.values("REMOTEPORT") == (b"1", b"\xff 2")


def test_trailers_are_kept() -> None:
    """They are no headers."""
    decoder, _ = play([("client", CHUNKED)])

    request = decoder.exchanges()[0].request

    assert request is not None
    assert [(h.name, h.value) for h in request.trailers] == [(b"X-End", b"1")]


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "cut"])
def test_a_body_until_the_close_is_complete_only_with_a_close(closed: bool) -> None:
    """RFC 9112 section 6.3, item 8."""
    decoder, _ = play(
        [("client", GET), ("server", b"HTTP/1.0 200 OK\r\n\r\nall of it")], closed=closed
    )

    response = decoder.exchanges()[0].response

    assert response is not None
    assert (response.body, response.complete) == (b"all of it", closed)


@pytest.mark.parametrize("size", [1000, 1], ids=["whole", "byte by byte"])
def test_connect_opens_a_tunnel(size: int) -> None:
    """All bytes after both heads go through, also those that the client sent before the answer."""
    connect = b"CONNECT access.example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n"
    parts: list[Part] = [
        ("client", connect + b"early"),
        ("server", b"HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\nhello"),
        ("client", b"late"),
    ]

    decoder, out = play(split(parts, size))

    assert decoder.tunnel is not None
    assert decoder.tunnel[0] == b"access.example.com:443"
    assert b"".join(o.data for o in out if o.side == "client") == b"earlylate"
    assert b"".join(o.data for o in out if o.side == "server") == b"hello"
    assert [brief(e) for e in decoder.exchanges()] == [
        (b"CONNECT", b"access.example.com:443", b"", 200, b"")
    ]
    assert decoder.malformed() == ()


def test_gaps_go_through_a_tunnel() -> None:
    """They are not lost, nor is their size."""
    parts: list[Part] = [
        ("client", b"CONNECT a:1 HTTP/1.1\r\n\r\n"),
        ("server", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("client", 7),
        ("client", b"x"),
    ]

    _, out = play(parts)

    assert [(o.data, o.gap_size) for o in out] == [(b"", 7), (b"x", 0)]


def test_an_upgrade_ends_http() -> None:
    """What follows 101 is another protocol."""
    decoder, _ = play(
        [
            ("client", GET),
            ("server", b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello"),
            ("client", b"\x81\0"),
        ]
    )

    assert [brief(e)[3] for e in decoder.exchanges()] == [101]
    assert decoder.malformed() == ()


AMBIGUOUS = {
    "length and chunks": (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "counts bytes, another reads chunks",
    ),
    "two lengths": (
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "one reader takes the first, another the last",
    ),
    "same length twice": (b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", "is repeated"),
    "signed length": (b"Content-Length: +5\r\n\r\nabcde", "is no number"),
    "hidden coding": (
        b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        "one reader sees chunks, another does not",
    ),
    "coding not last": (
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "its length cannot be told",
    ),
    "space before colon": (
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "decides the length for one reader",
    ),
    "folded": (b"X-Forwarded-For: a\r\n b\r\n\r\n", "is folded"),
    "bare LF": (b"A: b\nC: d\r\n\r\n", "bare LF"),
    "NUL": (b"A: b\0c\r\n\r\n", "control character 0x00"),
    "bare CR": (b"A: b\rRemotePort: 1\r\n\r\n", "control character 0x0d"),
    "no colon": (b"RemotePort\r\n\r\n", "without a colon"),
    "name with space": (b"Remote Port: 1\r\n\r\n", "no token for a name"),
    "first line folded": (b" A: b\r\n\r\n", "white space before the first header"),
    "chunk extension": (
        b"Transfer-Encoding: chunked\r\n\r\n1;\r\na\r\n0\r\n\r\n",
        "passes over what follows the size",
    ),
    "after the last": (b"Connection: close\r\n\r\n" + GET, "a request after the last one"),
    "odd chunk": (
        b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n",
        "readers see different sizes",
    ),
    "long chunk": (
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        "longer than its size says",
    ),
    "chunk with bare LF": (
        b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
        "ends with a bare LF",
    ),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_readers_understand_differently_is_told(name: str) -> None:
    """With the packets, and what each would see."""
    head, message = AMBIGUOUS[name]

    decoder, _ = play([("client", b"POST / HTTP/1.1\r\n" + head)])

    found = decoder.malformed()
    assert [m.layer for m in found] == ["http"] * len(found)
    assert any(message in m.message for m in found), found
    assert {m.packets for m in found} == {(1,)}


@pytest.mark.parametrize(
    "name", ["two lengths", "signed length", "hidden coding", "space before colon", "odd chunk"]
)
def test_behind_an_unknown_length_nothing_is_read(name: str) -> None:
    """A request inside bytes of unknown meaning is not invented, and the first is not complete."""
    head, _ = AMBIGUOUS[name]

    decoder, _ = play([("client", b"POST / HTTP/1.1\r\n" + head + GET), ("server", OK)])

    (found,) = decoder.exchanges()
    assert found.request is not None
    assert not found.request.complete
    assert brief(found)[3] == 200


def test_a_carriage_return_in_a_status_line_is_told() -> None:
    """One reader sees a header behind it."""
    decoder, _ = play([("client", GET), ("server", b"HTTP/1.1 204 OK\rA: b\r\n\r\n")])

    assert [m.sender for m in decoder.malformed()] == ["server"]


def test_a_gap_in_a_body_of_known_length() -> None:
    """The size is still known, the bytes are not, and the next message is."""
    decoder, _ = play([("client", POST[:-3]), ("client", 2), ("client", POST[-1:] + GET)])

    first, second = (e.request for e in decoder.exchanges())

    assert first is not None
    assert (first.body_size, first.body_sha256, first.complete) == (4, "", False)
    assert second is not None
    assert second.complete


@pytest.mark.parametrize("size", [500, None], ids=["known", "unknown"])
def test_after_a_gap_a_message_is_believed_only_at_the_begin_of_a_piece(size: int | None) -> None:
    """What looks like a request in the middle of a piece may be part of a body."""
    decoder, _ = play(
        [
            ("client", POST[:-2]),
            ("client", size),
            ("client", b"xx" + GET),
            ("client", GET.replace(b"/a", b"/real")),
        ]
    )

    assert [(e.request.target, e.request.complete) for e in decoder.exchanges() if e.request] == [
        (b"/b", False),
        (b"/real", True),
    ]


def test_after_a_gap_a_first_line_may_come_in_pieces() -> None:
    """Of either side: what has begun like one is kept until it is known."""
    decoder, _ = play(
        [
            *[("client", None), ("client", GET[:2]), ("client", GET[2:])],
            *[("server", None), ("server", OK[:10]), ("server", OK[10:])],
        ]
    )
    (exchange,) = decoder.exchanges()

    assert exchange.request is not None
    assert exchange.response is not None
    assert (exchange.request.method, exchange.request.target) == (b"GET", b"/a")
    assert (exchange.response.status, exchange.response.complete) == (200, True)


def test_an_answer_after_lost_answers_belongs_to_the_last_request() -> None:
    """Without pipelining only that one can still be open."""
    decoder, _ = play(
        [("client", GET), ("client", POST), ("server", 100), ("server", OK)],
    )

    assert [brief(e)[3] for e in decoder.exchanges()] == [None, 200]


def test_an_answer_that_comes_early_belongs_to_the_request_being_sent() -> None:
    """A server may refuse before it has the whole head."""
    refused = b"HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n"
    decoder, _ = play([("client", GET[:9]), ("server", refused), ("client", GET[9:])])

    assert [brief(e) for e in decoder.exchanges()] == [(b"GET", b"/a", b"", 431, b"")]


def test_an_answer_to_nothing_stands_alone() -> None:
    """As a server's 408 before it closes."""
    decoder, _ = play([("server", b"HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n")])

    assert [brief(e) for e in decoder.exchanges()] == [(None, None, None, 408, b"")]


@pytest.mark.parametrize(
    ("line", "target"),
    [
        (b"GET /a\r\n", b"/a"),
        (b"GET  /a HTTP/1.1\r\n\r\n", b"/a"),
        (b"GET /a b HTTP/1.1\r\n\r\n", b"/a b"),
    ],
    ids=["HTTP/0.9", "two spaces", "space in target"],
)
def test_odd_request_lines_are_read_and_told(line: bytes, target: bytes) -> None:
    """Servers differ: some answer, some refuse."""
    decoder, _ = play([("client", line)])

    assert [brief(e)[1] for e in decoder.exchanges()] == [target]
    assert len(decoder.malformed()) == 1


def test_no_http_is_told_once() -> None:
    """Bytes that are no request end the decoding of that side."""
    decoder, _ = play([("client", b"\x00\x01\r\n\r\n"), ("client", GET)])

    assert decoder.exchanges() == ()
    assert [m.message[:15] for m in decoder.malformed()] == ["no request line"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["client", "server"]),
            st.one_of(
                st.binary(max_size=12),
                st.sampled_from(
                    [GET, POST, CHUNKED, OK, EMPTY, b"\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n"]
                ),
                st.integers(0, 9),
                st.none(),
            ),
        ),
        max_size=12,
    )
)
def test_nothing_raises(parts: list[Part]) -> None:
    """Any mixture of bytes and gaps, in any order."""
    decoder, _ = play(parts)

    assert all(e.request or e.response for e in decoder.exchanges())


def read_one_side(raw: bytes, side: Side) -> tuple[tuple[Request | Response, ...], int]:
    """The messages of one side that says all this and closes, and how many reports there are."""
    decoder = HttpDecoder()
    decoder.feed(side, raw, Seen(time_ns=1, packets=(PacketNumber(1),)))
    decoder.end(client_closed=side == "client", server_closed=side == "server")
    found = [e.request if side == "client" else e.response for e in decoder.exchanges()]
    return tuple(m for m in found if m is not None), len(decoder.malformed())


DOUBLE_HOST = b"GET / HTTP/1.1\r\nHost: %s\r\nHost: %s\r\n\r\n"


@pytest.mark.parametrize(
    ("side", "raw", "told"),
    [
        ("client", DOUBLE_HOST % (b"a", b"b"), "the first, another the last"),
        ("client", DOUBLE_HOST % (b"a", b"A"), "is repeated"),
        ("client", b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "is no host name"),
        ("client", b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "is no host name"),
        ("client", b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "readers see different hosts"),
        ("client", b"GET http://A:80/x HTTP/1.1\r\nHost: a\r\n\r\n", None),
        ("client", b"GET / HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n", None),
        ("client", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", None),
        ("client", b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", None),
        ("client", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", None),
        ("client", b"GET ! HTTP/1.1\r\nHost: a\r\n\r\n", "is no path"),
        ("client", b"GET / HTTP/1.1\r\nHost: a\r\n\rabc", "the stream ends within the line"),
        ("client", b"GET / HTTP/5.6", "the stream ends within the line"),
        ("server", b"HTTP/5.6 200 OK\r\nContent-Length: 0\r\n\r\n", "version b'HTTP/5.6'"),
        (
            "server",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "a response after the last one",
        ),
        (
            "server",
            b"HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            None,
        ),
    ],
)
def test_where_readers_differ_is_told(side: Side, raw: bytes, told: str | None) -> None:
    """And where they do not, nothing is."""
    decoder = HttpDecoder()
    decoder.feed(side, raw, Seen(time_ns=1, packets=(PacketNumber(1),)))
    decoder.end(client_closed=side == "client", server_closed=side == "server")
    messages = [m.message for m in decoder.malformed()]

    assert [told in message for message in messages if told] == [True] * bool(told)
    assert len(messages) == bool(told)


UNTOLD = {
    "Content-Length reset when no body is received": "the parser was told to pass over bodies",
    "HTTP 100 first, then 400": "interim responses are not kept",
    "It should be safe to finish with cb after empty response": "the case does not say that it ends",
    "Extra space between status code and reason": "the case does not say that it ends",
    "No headers and no body": "the case does not say that it ends",
    "Empty reason phrase after space": "the case does not say that it ends",
    "Google 301": "the case does not say that it ends",
    "Response without `Content-Length`, but with body": "the case does not say that it ends",
    "Chunk-sizes are parsed using `strtoll(,,16)`, so `0x`, `+`, and `-` prefixes are erroneously accepted.": (
        "the case holds a head only; llhttp takes a request without Host, h11 does not"
    ),
    "Chunked message bodies are terminated on `\\r\\nXX`, where `XX` can be any two bytes.": (
        "a trailer and nothing odd; llhttp takes a request without Host, h11 does not"
    ),
}
"""Cases without a report whose messages are not those of the strict reader, and why."""


def reference_cases(shared: Path) -> Iterator[tuple[str, Side, bytes, tuple[object, ...] | None]]:
    """Name, side, bytes, and the messages of a strict reader that takes all of it (None: it refuses)."""
    folder = shared / "corpus" / "http-cases"
    for case in json.loads((folder / "llhttp_cases.json").read_text())["cases"]:
        is_request = case["type"].startswith("request")
        expect = case["expect"]
        takes = expect["verdict"] == "ok" and "lenient" not in case["type"]
        messages = tuple(
            (
                m.get("method") or m.get("status_code"),
                len(m.get("body", "")),
                bool(m.get("complete")),
            )
            for m in expect["messages"]
        )
        side: Side = "client" if is_request else "server"
        raw = base64.b64decode(case["raw_b64"])
        yield case["name"], side, raw, messages if takes else None
    for case in json.loads((folder / "h11_cases.json").read_text())["cases"]:
        raw = base64.b64decode(case["raw_b64"])
        side = "client" if case["side"] == "request" else "server"
        first = raw.split(b" ")[0 if side == "client" else 1].decode("latin-1")
        name: object = first if side == "client" else int(first[:3])
        is_whole = case["verdict"] == "accept"
        size = len(case.get("body", "") if is_whole else raw.partition(b"\r\n\r\n")[2])
        refused = case["verdict"] == "reject"
        yield case["name"], side, raw, None if refused else ((name, size, is_whole),)
    for case in json.loads((folder / "garden_payloads.json").read_text())["cases"]:
        strict = case.get("h11") or {"verdict": "reject", "requests": []}
        seen = tuple((r["method"], len(r["body"]), True) for r in strict["requests"])
        raw = base64.b64decode(case["raw_b64"])
        yield case["title"], "client", raw, seen if strict["verdict"] == "accept" else None


def test_reference_cases_agree_or_are_told(shared: Path) -> None:
    """Of 191 cases each gives the messages of a strict reader, or a report, or has its reason here."""
    silent = set()
    count = 0
    for name, side, raw, strict in reference_cases(shared):
        count += 1
        messages, reports = read_one_side(raw, side)
        got = tuple(
            (m.method.decode() if isinstance(m, Request) else m.status, m.body_size, m.complete)
            for m in messages
        )
        if not reports and got != strict:
            silent.add(name)

    assert count == 191
    assert silent == set(UNTOLD)
