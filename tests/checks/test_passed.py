"""Passed: which of many equal requests a balancer can have passed on."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from harness.checks.passed import Passed
from harness.trace.connection import Connection
from harness.trace.http import Exchange, Request, Response
from tests.trace_builder import PIXEL, VIP, TraceBuilder


def _exchange(asked: int, answered: int, status: int | None, body: str = "") -> Exchange:
    request = Request(
        method=b"GET",
        target=b"/",
        version=b"HTTP/1.1",
        headers=(),
        first_ns=asked,
        last_ns=asked,
        packets=(),
    )
    response = None
    if status is not None:
        response = Response(
            status=status,
            version=b"HTTP/1.1",
            headers=(),
            body_sha256=body,
            first_ns=answered,
            last_ns=answered,
            packets=(),
        )
    return Exchange(request=request, response=response)


def _connection() -> Connection:
    builder = TraceBuilder()
    builder.open("dmz", PIXEL, VIP, 443)
    return builder.build().connections[0]


def _find(
    listed: list[Exchange],
    upstream: Exchange,
    *,
    slack_ns: int = 0,
    closed: Literal["fin", "rst"] = "fin",
    closed_ns: int = 0,
) -> list[Exchange]:
    connection, passed = _connection(), Passed()
    onward = replace(connection, closed=closed, closed_ns=closed_ns)
    for exchange in listed:
        passed.add(connection, exchange)
    return [exchange for _, exchange in passed.find(onward, upstream, slack_ns=slack_ns)]


AROUND = _exchange(10, 40, 200)


@pytest.mark.parametrize(
    ("upstream", "expected"),
    [
        pytest.param(_exchange(20, 30, 200), [AROUND], id="within"),
        pytest.param(_exchange(10, 40, 200), [AROUND], id="at the same time"),
        pytest.param(_exchange(9, 30, 200), [], id="asked before"),
        pytest.param(_exchange(20, 41, 200), [], id="answered after"),
        pytest.param(_exchange(20, 30, 404), [], id="another status"),
        pytest.param(_exchange(20, 30, 200, "other"), [], id="another body"),
        pytest.param(_exchange(20, 0, None), [], id="no answer, but the client had a good one"),
    ],
)
def test_it_is_contained_in_time_and_has_the_same_answer(
    upstream: Exchange, expected: list[Exchange]
) -> None:
    """One request to the balancer, from 10 to 40."""
    assert _find([AROUND], upstream) == expected


def test_clocks_that_differ_widen_both_ends() -> None:
    """By the slack, and not more."""
    assert _find([AROUND], _exchange(5, 45, 200), slack_ns=5) == [AROUND]
    assert _find([AROUND], _exchange(5, 45, 200), slack_ns=4) == []


def test_without_an_answer_the_client_got_none_or_a_failure() -> None:
    """A balancer says 502 in the node's place, or nothing."""
    lost, failed, good = _exchange(1, 0, None), _exchange(2, 9, 502), _exchange(3, 9, 200)

    assert _find([good, failed, lost], _exchange(5, 0, None)) == [lost, failed]


@pytest.mark.parametrize(
    ("front", "is_found"),
    [
        (_exchange(2, 9, 504), True),
        (_exchange(2, 20, 504), True),
        (_exchange(2, 4, 504), False),
        (_exchange(6, 9, 504), False),
        (_exchange(2, 9, 404), False),
    ],
    ids=["gave up", "did not look any more", "before it asked", "asked later", "no failure"],
)
def test_an_answer_that_came_too_late_reached_nobody(front: Exchange, is_found: bool) -> None:
    """The balancer answered 504 in the node's place; what the node answered is still its request's."""
    assert _find([front], _exchange(5, 12, 200)) == ([front] if is_found else [])


def test_all_that_fit_are_found_behind_ones_that_do_not() -> None:
    """A long one before short ones still counts; the order is that of time."""
    long, short, fitting = _exchange(1, 90, 200), _exchange(2, 3, 200), _exchange(4, 60, 200)

    assert _find([fitting, short, long], _exchange(10, 50, 200)) == [long, fitting]


@pytest.mark.parametrize(
    ("closed", "closed_ns", "expected"),
    [
        pytest.param("rst", 40, [AROUND], id="broken off before the answer"),
        pytest.param("rst", 41, [], id="broken off after it"),
        pytest.param("fin", 40, [], id="closed"),
    ],
)
def test_the_answer_may_have_come_from_elsewhere(
    closed: Literal["fin", "rst"], closed_ns: int, expected: list[Exchange]
) -> None:
    """F41: a balancer asks one node, breaks off, and asks another."""
    upstream = _exchange(20, 0, None)

    assert _find([AROUND], upstream, closed=closed, closed_ns=closed_ns) == expected


@pytest.mark.parametrize(
    ("closed", "closed_ns", "is_found"),
    [
        ("rst", 15, True),
        ("rst", 30, True),
        ("rst", 5, False),
        ("fin", 15, True),
        ("fin", 5, False),
        ("open", 15, False),
    ],
    ids=[
        "reset meanwhile",
        "reset after the answer",
        "reset before",
        "closed meanwhile",
        "closed before",
        "still open",
    ],
)
def test_a_request_whose_client_broke_off_is_found_without_an_answer(
    closed: Literal["fin", "rst", "open"], closed_ns: int, is_found: bool
) -> None:
    """The balancer was killed, or its client was: the node answered all the same."""
    passed, connection = Passed(), _connection()
    front = replace(connection, closed=closed, closed_ns=closed_ns)
    asked = _exchange(1, 0, None)
    passed.add(front, asked)

    found = passed.find(connection, _exchange(10, 20, 403), slack_ns=0)
    assert [exchange for _, exchange in found] == ([asked] if is_found else [])
