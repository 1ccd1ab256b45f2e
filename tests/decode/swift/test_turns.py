"""Tests of requests and answers in turn, whose records come in parts."""

from __future__ import annotations

import pytest

from harness.decode.swift.odd import OddError
from harness.decode.swift.turns import Turns
from harness.decode.tcp.run import NOTHING, Run
from harness.trace.brief import BriefExchange
from harness.trace.packet import PacketNumber
from tests.decode.swift.test_http import EMPTY, GET, OK, POST


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
    begun = turns.asking
    with pytest.raises(OddError):
        turns.feed(run, [(b"too long", 1, 2)], NOTHING, [])
    kept = turns.asking

    turns.feed(run, [(b"he", 1, 2), (b"llo", 2, 3)], NOTHING, [])

    assert begun is not None
    assert begun is kept
    assert (begun.left, begun.begin, begun.end) == (5, 4, (4, 40))
    assert turns.asking is None
    assert turns.asked is not None
    assert (turns.asked.size, turns.asked.last_size) == (len(POST), 3)
    assert turns.tell() == (BriefExchange(70, b"POST", b"/b", None, None),)
    assert (turns.done, turns.has_begun, turns.is_amid) == ((), True, False)


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


def test_a_record_that_began_before_its_run() -> None:
    """The packet with its first byte is told apart."""
    turns = Turns()
    turns.feed(
        run_of(5), [(GET, -20, 1)], run_of(6), [(OK, -1, 1)], (PacketNumber(3), PacketNumber(6))
    )

    assert turns.tell() == (BriefExchange(50, b"GET", b"/a", 60, 200),)


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

    assert not turns.has_begun
