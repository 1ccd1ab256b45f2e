"""Passed: requests to a balancer that say the same, and which of them it can have passed on as a given one.

The same request may come a hundred thousand times: they are found by answer and time, not one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from itertools import accumulate

from harness.trace.connection import Connection
from harness.trace.http import Exchange, Response

BAD_GATEWAY = 500
"""A balancer answers with a status from here on when the node gave no answer."""

_Item = tuple[Connection, Exchange]
_Answer = tuple[int, int, str]


class Passed:
    """Exchanges at one balancer with equal requests."""

    __slots__ = ("_answered", "_broken", "_by_answer", "_failed", "_items")

    def __init__(self) -> None:
        """Begin with none."""
        self._items: list[_Item] = []
        self._by_answer: dict[_Answer, _ByTime] | None = None
        self._answered = self._broken = self._failed = _ByTime([])

    def add(self, connection: Connection, exchange: Exchange) -> None:
        """Take in one, before any is looked for."""
        assert self._by_answer is None
        self._items.append((connection, exchange))

    def find(self, connection: Connection, upstream: Exchange, *, slack_ns: int) -> list[_Item]:
        """Those that the balancer can have made `upstream` on this connection from: see the branches."""
        assert upstream.request is not None
        by_answer = self._sort() if self._by_answer is None else self._by_answer
        latest_ns = upstream.request.first_ns + slack_ns
        got = upstream.response
        if got is not None:
            # Contained in time, and the same answer.
            listed = by_answer.get(_answer(got))
            same = listed.find(latest_ns, got.last_ns - slack_ns) if listed is not None else []
            since_ns = upstream.request.first_ns - slack_ns
            # Or the answer reached nobody: the balancer, or whoever asked it, broke off in between,
            broken = same or self._broken.find(latest_ns, since_ns)
            # or the balancer was tired of waiting, and said so in the node's place.
            return broken or self._failed.find(latest_ns, since_ns)
        found = self._failed.find(latest_ns, None)
        if connection.closed == "rst":
            # It asked one node, broke off, and got its answer elsewhere (F41).
            answered = self._answered.find(latest_ns, connection.closed_ns - slack_ns)
            found += [item for item in answered if not _is_failed(item[1].response)]
        return found

    def _sort(self) -> dict[_Answer, _ByTime]:
        """Sort them by answer, and by time; most are never asked for."""
        by_answer: dict[_Answer, list[_Item]] = defaultdict(list)
        for item in self._items:
            response = item[1].response
            if response is not None:
                by_answer[_answer(response)].append(item)
        self._failed = _ByTime([item for item in self._items if _is_failed(item[1].response)])
        self._answered = _ByTime([item for item in self._items if item[1].response is not None])
        # A reset, or the FIN that the kernel sends for a process that was killed.
        broken = [i for i in self._items if i[1].response is None and i[0].closed != "open"]
        self._broken = _ByTime(broken, ended=lambda item: item[0].closed_ns)
        self._by_answer = {answer: _ByTime(found) for answer, found in by_answer.items()}
        return self._by_answer


class _ByTime:
    """Exchanges in order of time; each ends with its answer, or as `ended` says."""

    def __init__(self, items: list[_Item], ended: Callable[[_Item], int] | None = None) -> None:
        self._ended = ended or _answered
        self._items = sorted(items, key=_asked)
        self._asked = [_asked(item) for item in self._items]
        self._longest = list(accumulate(map(self._ended, self._items), max))
        """When the last answer so far was complete: before it nothing more is to be found."""

    def find(self, asked_until_ns: int, answered_from_ns: int | None) -> list[_Item]:
        """Those asked and answered within these times, both included; None: answered or not."""
        end = bisect_right(self._asked, asked_until_ns)
        if answered_from_ns is None:
            return self._items[:end]
        found: list[_Item] = []
        for index in range(end - 1, -1, -1):
            if self._longest[index] < answered_from_ns:
                break
            if self._ended(self._items[index]) >= answered_from_ns:
                found.append(self._items[index])
        return found[::-1]


def _asked(item: _Item) -> int:
    request = item[1].request
    assert request is not None
    return request.first_ns


def _answered(item: _Item) -> int:
    response = item[1].response
    return response.last_ns if response is not None else 0


def _is_failed(response: Response | None) -> bool:
    return response is None or response.status >= BAD_GATEWAY


def _answer(response: Response) -> _Answer:
    return response.status, response.body_size, response.body_sha256
