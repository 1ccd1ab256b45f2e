"""Tests of requests and answers in turn, whose records come in parts."""

from __future__ import annotations

import pytest

from harness.decode.swift.odd import OddError
from harness.decode.swift.turns import Turns
from harness.decode.tcp.run import NOTHING, Run
from harness.trace.brief import BriefExchange
from harness.trace.packet import PacketNumber
from tests.decode.swift.test_http import EMPTY, GET, OK, POST

LAST = GET[:-2] + b"Connection: close\r\n\r\n"


def run_of(*packets: int) -> Run:
    """One byte a packet."""
    numbers = [PacketNumber(n) for n in packets]
    return Run(
        bytes(len(packets)), [*range(1, len(packets) + 1)], numbers, [10 * n for n in packets]
    )


def test_messages_may_come_in_parts() -> None:
    """What is whole is told, what has begun is kept, and nothing of what is odd counts."""
    turns = Turns()
    run = run_of(4, 6, 7)
    turns.feed(run, [(POST[:-5], 0, 1)], NOTHING, [])
    begun = turns.last
    with pytest.raises(OddError):
        turns.feed(run, [(b"too long", 1, 2)], NOTHING, [])
    kept = turns.last
    was_amid = turns.is_amid

    turns.feed(run, [(b"he", 1, 2), (b"llo", 2, 3)], NOTHING, [])

    assert kept is begun
    assert [(told.message.left, told.begin, told.end, told.end_ns) for told in begun] == [
        (5, 4, 4, 40)
    ]
    assert [(told.message.left, told.begin, told.end, told.end_ns) for told in turns.last] == [
        (0, 4, 7, 70)
    ]
    assert turns.tell() == (BriefExchange(70, b"POST", b"/b", None, None),)
    assert (was_amid, turns.is_amid, turns.is_over, turns.done) == (True, False, False, ())


def test_each_answer_ends_a_turn() -> None:
    """Two in one part, the last one without an answer so far; then it comes."""
    turns = Turns()
    turns.feed(run_of(1, 3), [(GET, 0, 1), (POST, 1, 2)], run_of(2), [(OK, 0, 1)])
    half = turns.tell()

    turns.feed(NOTHING, [], run_of(4), [(EMPTY, 0, 1)])

    assert half == (
        BriefExchange(10, b"GET", b"/a", 20, 200),
        BriefExchange(30, b"POST", b"/b", None, None),
    )
    assert turns.tell() == turns.done
    assert turns.done[1] == BriefExchange(30, b"POST", b"/b", 40, 204)
    assert turns.is_over


def test_an_answer_may_come_in_parts() -> None:
    """Until it is whole its request is told alone; after it the next one may come, and nothing is told twice."""
    turns = Turns()
    told = [turns.is_over]
    turns.feed(run_of(1), [(GET, 0, 1)], run_of(2), [(OK[:-2], 0, 1)])
    half = turns.tell()
    for run in (NOTHING, run_of(3, 4)):
        told.append(turns.is_amid)
        turns.feed(NOTHING, [], run, [(b"o", 0, 1), (b"k", 1, 2)] if run is not NOTHING else [])
    told.append(turns.is_over)
    turns.feed(NOTHING, [], NOTHING, [])
    turns.feed(run_of(5), [(GET, 0, 1)], NOTHING, [])

    assert half == (BriefExchange(10, b"GET", b"/a", None, None),)
    assert told == [True, True, True, True]
    assert turns.tell() == (
        BriefExchange(10, b"GET", b"/a", 40, 200),
        BriefExchange(50, b"GET", b"/a", None, None),
    )


@pytest.mark.parametrize(
    ("first", "client", "asked", "server", "answered"),
    [
        (GET, (2,), [(GET, 0, 1)], (), []),
        (GET, (), [], (9,), [(OK, 0, 1)]),
        (LAST, (3,), [(GET, 0, 1)], (), []),
    ],
    ids=["before the answer", "a second answer", "after the last"],
)
def test_what_was_said_before_counts(
    first: bytes,
    client: tuple[int, ...],
    asked: list[tuple[bytes, int, int]],
    server: tuple[int, ...],
    answered: list[tuple[bytes, int, int]],
) -> None:
    """A later part has to fit to the turn before it."""
    turns = Turns()
    turns.feed(run_of(1), [(first, 0, 1)], run_of(2), [(OK, 0, 1)])
    before = turns.last

    with pytest.raises(OddError):
        turns.feed(run_of(*client), asked, run_of(*server), answered)

    assert turns.last is before
    assert turns.tell() == (BriefExchange(10, b"GET", b"/a", 20, 200),)


@pytest.mark.parametrize(
    ("client", "asked", "server", "answered"),
    [
        ((1, 2), [(GET, 0, 1), (GET, 1, 2)], (3, 4), [(OK, 0, 1), (OK, 1, 2)]),
        ((1, 2), [(GET, 0, 1), (GET, 1, 2)], (), []),
        ((1, 2), [(GET, 0, 1), (POST[:-1], 1, 2)], (), []),
        ((5,), [(GET, 0, 1)], (4,), [(OK, 0, 1)]),
        ((5,), [(GET, 0, 1)], (4,), [(OK[:-1], 0, 1)]),
        ((), [], (4,), [(OK, 0, 1)]),
        ((1,), [(POST[:-1], 0, 1)], (4,), [(OK, 0, 1)]),
        ((1,), [(b"CONNECT x:1 HTTP/1.1\r\n\r\n", 0, 1)], (), []),
        ((1,), [(GET[:-1], 0, 1)], (), []),
        ((1,), [(GET, 0, 1)], (2,), [(OK + b"!", 0, 1)]),
        ((1,), [(GET, 0, 1)], (2,), [(b"HTTP/1.1 200 OK\r\n\r\n", 0, 1)]),
        (
            (1, 3),
            [(GET[:-2] + b"Connection: close\r\n\r\n", 0, 1), (GET, 1, 2)],
            (2,),
            [(OK, 0, 1)],
        ),
    ],
    ids=[
        "pipelined",
        "two open",
        "the start of a second",
        "answer first",
        "start of the answer first",
        "answer alone",
        "answer before the end",
        "CONNECT",
        "head cut",
        "too long",
        "until close",
        "after the last",
    ],
)
def test_the_rest_is_odd(
    client: tuple[int, ...],
    asked: list[tuple[bytes, int, int]],
    server: tuple[int, ...],
    answered: list[tuple[bytes, int, int]],
) -> None:
    """And changes nothing."""
    turns = Turns()

    with pytest.raises(OddError):
        turns.feed(run_of(*client), asked, run_of(*server), answered)

    assert (turns.last, turns.tell()) == ((), ())
