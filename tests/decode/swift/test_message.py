"""Tests of messages in turn: one set of rules, whatever part of them a caller has at hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.detail import EVERYTHING
from harness.decode.http.http1 import HttpDecoder
from harness.decode.http.ordinary import OrdinaryHead, find_ordinary_head
from harness.decode.swift.http import read_exchanges
from harness.decode.swift.message import Message, check_order, read_turns
from harness.decode.swift.odd import OddError
from harness.decode.swift.record import Record
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side
from tests.decode.swift.test_http import CONNECT, EMPTY, GET, OK, POST

HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = GET[:-2] + b"Connection: close\r\n\r\n"
Said = list[tuple[Side, bytes]]
Turns = list[Message[OrdinaryHead]]


def records(said: Said) -> tuple[list[Record], list[Record]]:
    """Those of both sides; places count records."""
    sides: dict[Side, list[Record]] = {"client": [], "server": []}
    for index, (side, data) in enumerate(said):
        sides[side].append((data, index, index))
    return sides["client"], sides["server"]


def read(said: Said, before: Turns | None = None) -> Turns:
    """All turns, in order."""
    turns = read_turns(*records(said), find_ordinary_head, before or [])
    check_order([each.begin for each in turns], [each.end for each in turns])
    return turns


def test_messages_stand_in_turn() -> None:
    """Each with its head, its first record, and where it begins and ends."""
    said: Said = [
        ("client", POST[:-3]),
        ("client", POST[-3:]),
        ("server", EMPTY),
        ("client", HEAD),
        ("server", OK[:-2]),
        ("client", POST[:-1]),
    ]

    turns = read(said)

    assert [(each.head.start[0], each.begin, each.end, each.left) for each in turns] == [
        (b"POST", 0, 1, 0),
        (b"204", 2, 2, 0),
        (b"HEAD", 3, 3, 0),
        (b"200", 4, 4, 0),
        (b"POST", 5, 5, 1),
    ]
    assert turns[0].first == POST[:-3]


@pytest.mark.parametrize(
    "said",
    [
        [("server", OK)],
        [("client", GET), ("client", GET)],
        [("client", GET), ("client", GET), ("server", OK), ("server", OK)],
        [("client", POST[:-1]), ("server", OK)],
        [("client", GET), ("server", OK[:-1]), ("client", GET)],
        [("client", GET), ("server", OK), ("server", OK)],
        [("client", GET + GET), ("server", OK)],
        [("client", POST + b"!"), ("server", OK)],
        [("client", POST[:-1]), ("server", OK), ("client", POST[-1:])],
        [("client", LAST), ("server", OK), ("client", GET)],
        [
            ("client", GET),
            ("server", OK[:-6] + b"\r\nConnection: close\r\n\r\nok"),
            ("client", GET),
        ],
        [("client", b"nothing like HTTP")],
        [("client", GET[:-2]), ("client", b"\r\n")],
    ],
    ids=[
        "answer alone",
        "two requests",
        "pipelined",
        "answer to half a request",
        "request after half an answer",
        "two answers",
        "two in a record",
        "body too long",
        "answer within a request",
        "after the last request",
        "after the last answer",
        "no HTTP",
        "head in two records",
    ],
)
def test_the_rest_is_odd(said: Said) -> None:
    """Whatever does not come in turn, or fits no record."""
    with pytest.raises(OddError):
        read(said)


def test_after_connect_nothing_is_read() -> None:
    """Whose bytes they are depends on the answer, and after it they are no HTTP."""

    def find_head(data: bytes, method: bytes | None) -> OrdinaryHead:
        size = data.index(b"\r\n\r\n") + 4
        start = data[:size].split()
        return OrdinaryHead((start[0] if method is None else start[1], b""), size, 0, is_last=False)

    asked: list[Record] = [(CONNECT, 0, 0), (b"inside", 3, 3)]
    answered: list[Record] = [(b"HTTP/1.1 200 OK\r\n\r\ninside too", 1, 1), (b"inside", 2, 2)]

    turns = read_turns(asked, answered, find_head)

    assert [(each.head.start[0], each.end, each.left) for each in turns] == [
        (b"CONNECT", 0, 0),
        (b"200", 1, 0),
    ]


def test_order() -> None:
    """A place may belong to one message only, and nothing goes backwards."""
    check_order([], [])
    check_order([1, 3, 4], [2, 3, 9])
    for first in ([1, 2, 4], [1, 1, 4], [1, 3, 3]):
        with pytest.raises(OddError):
            check_order(first, [2, 3, 9])


PARTS: list[tuple[Side, bytes]] = [
    ("client", GET),
    ("client", HEAD),
    ("client", LAST),
    ("client", POST),
    ("client", POST[:-2]),
    ("client", POST[-2:]),
    ("client", GET[:-3]),
    ("server", OK),
    ("server", OK[:-2]),
    ("server", OK[-2:]),
    ("server", EMPTY),
    ("server", EMPTY[:-2] + b"Content-Length: 9\r\n\r\n"),
]
SAID = st.lists(st.sampled_from(PARTS), max_size=8)


def try_reading(said: Said, before: Turns | None = None) -> Turns | None:
    """None: something is odd."""
    try:
        return read(said, before)
    except OddError:
        return None


@given(said=SAID, place=st.integers(0, 8))
def test_what_comes_in_parts_is_what_comes_at_once(said: Said, place: int) -> None:
    """Cut between any two records: odd in both ways or in none, and the last turns are the same."""
    whole = try_reading(said)
    first = try_reading(said[:place])
    rest = None
    if first is not None:
        rest = try_reading(said[place:], _move(first[(len(first) - 1) // 2 * 2 :]))

    assert (rest is None) == (whole is None)
    if whole is not None and rest is not None:
        last = whole[len(whole) - len(rest) :]
        assert [(each.head, each.left) for each in rest] == [(m.head, m.left) for m in last]


def _move(turns: Turns) -> Turns:
    """The same before the first place."""
    return [each._replace(begin=2 * n - 9, end=2 * n - 9) for n, each in enumerate(turns)]


@given(said=SAID)
def test_they_are_the_exchanges_of_the_careful_reader(said: Said) -> None:
    """Where nothing is odd it complains of nothing, and finds the same; so does the full form."""
    careful = HttpDecoder(EVERYTHING)
    pieces = [
        (side, data, Seen(time_ns=n, packets=(PacketNumber(n),)))
        for n, (side, data) in enumerate(said, 1)
    ]
    for side, data, seen in pieces:
        careful.feed(side, data, seen)
    careful.end()
    turns = try_reading(said)
    if turns is None or (turns and turns[-1].left):
        return

    told = [
        (exchange.request.method, exchange.response and exchange.response.status)
        for exchange in careful.exchanges()
        if exchange.request is not None
    ]
    starts = [each.head.start[0] for each in turns] + [b""]
    found = list(zip(starts[::2], starts[1::2], strict=False))
    assert careful.malformed() == ()
    assert told == [(method, int(status) if status else None) for method, status in found]
    assert read_exchanges(pieces, EVERYTHING) == (careful.exchanges(), None)
