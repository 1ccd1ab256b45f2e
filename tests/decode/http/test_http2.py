"""HTTP/2: frames of both sides to exchanges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.http.http2 import MAX_FRAME_SIZE, PREFACE, Http2Decoder
from harness.trace.http import Exchange, Request, Response
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side

Part = tuple[Side, bytes | int | None]
END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 4, 8, 32
GET = b"\x82\x87\x84\x41\x01h"
"""GET https / with the authority h, which the table keeps."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Length, type, flags, stream, payload."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def ask(stream: int, block: bytes = GET, *, ends: bool = True) -> bytes:
    """A request in one frame."""
    return frame(1, END_HEADERS | (END_STREAM if ends else 0), stream, block)


def answer(stream: int, block: bytes = b"\x88", *, ends: bool = True) -> bytes:
    """A response in one frame: 200, if nothing else is said."""
    return frame(1, END_HEADERS | (END_STREAM if ends else 0), stream, block)


SETTINGS = frame(4, 0, 0, b"\0\3\0\0\0\x64")
HELLO = PREFACE + SETTINGS


def play(parts: list[Part]) -> Http2Decoder:
    """Feed parts as packets 1, 2, 3 at that many nanoseconds; a number is a gap."""
    decoder = Http2Decoder()
    for number, (side, part) in enumerate(parts, 1):
        seen = Seen(time_ns=number, packets=(PacketNumber(number),))
        if isinstance(part, bytes):
            assert decoder.feed(side, part, seen) == ()
        else:
            decoder.gap(side, part, seen)
    decoder.end()
    return decoder


def requests_of(decoder: Http2Decoder) -> list[Request]:
    """Those that were seen."""
    return [e.request for e in decoder.exchanges() if e.request is not None]


def only(decoder: Http2Decoder) -> tuple[Request, Response]:
    """The one exchange, whole."""
    (exchange,) = decoder.exchanges()
    assert exchange.request is not None
    assert exchange.response is not None
    return exchange.request, exchange.response


def test_a_request_and_its_answer() -> None:
    """With the packets that brought them, and no others."""
    decoder = play(
        [
            ("server", SETTINGS),
            ("client", HELLO),
            ("client", ask(1, ends=False)),
            ("client", frame(0, END_STREAM, 1, b"abc")),
            ("server", answer(1, ends=False) + frame(0, 0, 1, b"x")),
            ("server", frame(6, 0, 0, bytes(8))),
            ("server", frame(0, END_STREAM, 1, b"y")),
        ]
    )

    request, response = only(decoder)
    assert (request.version, request.method, request.target) == (b"HTTP/2", b"GET", b"/")
    assert (request.body, request.complete, request.packets) == (b"abc", True, (3, 4))
    assert (response.status, response.body, response.packets) == (200, b"xy", (5, 7))
    assert (request.first_ns, response.last_ns) == (3, 7)
    assert decoder.malformed() == ()


def test_streams_run_side_by_side() -> None:
    """Exchanges are in the order in which their requests began; answers come in any."""
    decoder = play(
        [
            ("client", HELLO + ask(1, ends=False) + ask(3, b"\x82\x87\x85\xbe")),
            ("server", answer(3, b"\x8d")),
            ("client", frame(0, END_STREAM, 1, b"a")),
            ("server", answer(1)),
        ]
    )

    told = [
        (e.request.target, e.request.values("host"), e.response.status)
        for e in decoder.exchanges()
        if e.request is not None and e.response is not None
    ]
    assert told == [(b"/", (b"h",), 200), (b"/index.html", (b"h",), 404)]


def test_padding_priority_and_continuation() -> None:
    """A block over three frames."""
    first = b"\x02" + b"\0\0\0\0\x10" + GET[:2] + b"\0\0"
    parts = frame(1, END_STREAM | PADDED | PRIORITY, 1, first)
    parts += frame(9, 0, 1, GET[2:4]) + frame(9, END_HEADERS, 1, GET[4:])
    decoder = play([("client", HELLO + parts)])

    (request,) = requests_of(decoder)
    assert (request.target, request.complete) == (b"/", True)
    assert decoder.malformed() == ()


def test_interim_answers_pushes_and_trailers() -> None:
    """103 is passed over, a push keeps the table right, a later block is a trailer."""
    push = frame(5, END_HEADERS, 1, b"\0\0\0\2" + b"\x82\x87\x84\x41\x01p")
    interim = answer(1, b"\x48\x03103", ends=False)
    decoder = play(
        [
            ("client", HELLO + ask(1)),
            ("server", interim + push + answer(2) + answer(1, ends=False)),
            ("server", frame(0, 0, 1, b"x") + answer(1, b"\0\x01a\x01b")),
        ]
    )

    _, response = only(decoder)
    assert (response.status, response.body) == (200, b"x")
    assert [(t.name, t.value) for t in response.trailers] == [(b"a", b"b")]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (ask(1, GET + b"\0\x01n\x05a\r\nb:"), "control character 0x0d"),
        (
            ask(1, GET + b"\x0f\x0d\x015", ends=False) + frame(0, END_STREAM, 1, b"abc"),
            "Content-Length b'5' and 3 bytes of DATA",
        ),
        (ask(1, GET + b"\0\x11transfer-encoding\x07chunked"), "of one connection"),
    ],
    ids=["a line break", "another length", "another coding"],
)
def test_what_becomes_something_else_in_http_1(said: bytes, told: str) -> None:
    """RFC 9113 section 8.1.1: the request is malformed, and it is known which one."""
    decoder = play([("client", HELLO + said), ("client", ask(3))])

    (malformed,) = decoder.malformed()
    assert told in malformed.message
    assert (malformed.exchange, malformed.packets, malformed.sender) == (0, (1,), "client")


@pytest.mark.parametrize(
    ("said", "is_reset"),
    [
        ([("server", frame(3, 0, 1, b"\0\0\0\1"))], [True, False]),
        ([("server", frame(7, 0, 0, b"\0\0\0\1\0\0\0\1"))], [False, True]),
        ([("server", answer(1) + frame(3, 0, 1, bytes(4)))], [False, False]),
        ([("client", frame(3, 0, 1, b"\0\0\0\x08"))], [False, False]),
    ],
    ids=["RST_STREAM", "GOAWAY", "after the answer", "given up"],
)
def test_what_a_server_refuses_without_an_answer(said: list[Part], is_reset: list[bool]) -> None:
    """Only what was not answered, and only by the server."""
    decoder = play([("client", HELLO + ask(1) + ask(3)), *said])

    assert [e.is_reset for e in decoder.exchanges()] == is_reset


@pytest.mark.parametrize(
    "said",
    [
        ask(3, b"\xff\xff"),
        frame(1, END_STREAM, 3, GET) + ask(5),
        frame(1, END_HEADERS | PADDED, 3, b"\x09abc"),
        (MAX_FRAME_SIZE + 1).to_bytes(3) + bytes(6),
        7,
        None,
    ],
    ids=["block", "continuation", "padding", "size", "gap", "gap of any size"],
)
def test_behind_what_cannot_be_read_nothing_is_known(said: bytes | int | None) -> None:
    """The table of that side is lost; what stood before stays, and the other side is read on."""
    decoder = play(
        [
            ("client", HELLO + ask(1)),
            ("client", said),
            ("client", ask(7)),
            ("server", answer(1)),
        ]
    )

    assert [r.target for r in requests_of(decoder)] == [b"/"]
    (malformed,) = decoder.malformed()
    assert malformed.message.startswith("HTTP/2: ")
    assert malformed.exchange is None
    assert only(decoder)[1].status == 200


def test_a_message_that_is_cut_is_not_complete() -> None:
    """The end of the connection came before that of the body."""
    decoder = play([("client", HELLO + ask(1, ends=False) + frame(0, 0, 1, b"a"))])

    (request,) = requests_of(decoder)
    assert (request.body, request.complete) == (b"a", False)


TALK: list[Part] = [
    ("client", HELLO + ask(1, ends=False) + ask(3, b"\x82\x87\x85\xbe")),
    ("server", SETTINGS + answer(3, b"\x8d")),
    ("client", frame(0, END_STREAM, 1, b"abc") + ask(5, GET + b"\0\x01n\x03a\nb")),
    ("server", answer(1, ends=False) + frame(0, END_STREAM, 1, b"xyz") + frame(3, 0, 5, bytes(4))),
]


def told(exchange: Exchange) -> tuple[object, ...]:
    """What does not depend on packets."""
    request, response = exchange.request, exchange.response
    assert request is not None
    return (
        *(request.target, request.headers, request.body, request.complete),
        response and (response.status, response.body, response.complete),
        exchange.is_reset,
    )


@given(st.integers(1, 40))
def test_any_split_reads_the_same(size: int) -> None:
    """The feeding contract, in order of the talk."""
    parts: list[Part] = [
        (side, part[at : at + size])
        for side, part in TALK
        if isinstance(part, bytes)
        for at in range(0, len(part), size)
    ]
    whole, split = play(TALK), play(parts)

    assert [told(e) for e in split.exchanges()] == [told(e) for e in whole.exchanges()]
    assert [m.message for m in split.malformed()] == [m.message for m in whole.malformed()]
    assert len(whole.exchanges()) == 3


@given(st.integers(0, 200), st.binary(min_size=1, max_size=30))
def test_nothing_raises_on_changed_bytes(at: int, noise: bytes) -> None:
    """Neither a cut nor noise; what was whole before is still told."""
    data = HELLO + ask(1) + ask(3, GET) + ask(5, GET)
    first = len(HELLO + ask(1))

    decoder = play([("client", data[: first + at] + noise), ("server", answer(1) + noise)])
    assert requests_of(decoder)[0].target == b"/"
