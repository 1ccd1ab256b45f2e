"""The judge: all results in order, and one reason for all where nothing can be judged."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from harness.checks.case import Case
from harness.checks.check import Check, Judgement, Unjudged
from harness.checks.judge import abstain, judge
from harness.checks.ledger import read_ledger
from harness.checks.registry import CHECKS
from harness.trace.http import Exchange
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from tests.canary_trace import commit_canary
from tests.checks.examining import NOTE
from tests.trace_builder import CLUSTER, N3, TraceBuilder, make_certificate, make_site

IDS = [*(check.id for check in CHECKS), "canary"]


def test_results_come_in_the_order_of_the_registry() -> None:
    """The canary last; a good run passes all."""
    builder = TraceBuilder()
    commit_canary(builder)
    builder.sign_in()
    trace = builder.build()
    results, case = judge(
        trace, CLUSTER, note=NOTE, ledger=read_ledger(trace, site=CLUSTER, note=NOTE)
    )

    assert [(r.check, r.outcome) for r in results] == [(check, Outcome.PASS) for check in IDS]
    assert case is not None


def test_a_site_that_cannot_be_read_leaves_everything_unknown() -> None:
    """With the reason, and no exception."""
    site = make_site(accept_remote_port_from="10.0.0.1 10.0.0.2")
    trace = TraceBuilder(site).build()
    results, case = judge(trace, site, note=NOTE, ledger=read_ledger(trace, site=site, note=NOTE))

    assert case is None
    assert {r.outcome for r in results} == {Outcome.UNKNOWN}
    assert all("AllowListError" in (r.reason or "") for r in results)
    assert [r.check for r in results] == IDS


def test_one_crash_leaves_the_others_alone() -> None:
    """A check that fails is UNKNOWN; the rest is judged."""
    broken = Check(id="V99", promise="p", source="s", needs=(), judge=lambda case: 1 / 0)  # type: ignore[arg-type, return-value]
    trace = TraceBuilder().build()
    ledger = read_ledger(trace, site=CLUSTER, note=NOTE)
    results, _ = judge(trace, CLUSTER, note=NOTE, ledger=ledger, checks=(broken, *CHECKS))

    assert [r.outcome for r in results[:2]] == [Outcome.UNKNOWN, Outcome.PASS]
    assert "ZeroDivisionError" in (results[0].traceback or "")


def test_abstaining_gives_every_check_the_reason() -> None:
    """In the same order."""
    assert [(r.check, r.reason) for r in abstain("no site")] == [
        (check, "no site") for check in IDS
    ]


def _sign_in_at_once(count: int, **faults: Any) -> Trace:
    """So many devices whose requests are all open at the same time, and whose tunnels are never closed."""
    builder = TraceBuilder()
    for _ in range(count):
        builder.sign_in(**faults)
    trace = builder.build()
    last_ns = trace.packets[-1].time_ns

    def keep_open(exchange: Exchange) -> Exchange:
        response = exchange.response
        return replace(exchange, response=response and replace(response, last_ns=last_ns))

    connections = (
        replace(c, exchanges=tuple(map(keep_open, c.exchanges))) if c.server.port == 443 else c
        for c in trace.connections
    )
    return replace(trace, connections=tuple(connections))


def _count_work(trace: Trace, checks: tuple[Check, ...] = CHECKS) -> int:
    """Lines and calls of Python that judging takes: what a busy machine does not change."""
    count = 0

    def trace_line(frame: FrameType, event: str, argument: object) -> object:
        nonlocal count
        count += 1
        return trace_line

    ledger = read_ledger(trace, site=CLUSTER, note=NOTE)
    before = sys.gettrace()
    sys.settrace(trace_line)  # type: ignore[arg-type]
    try:
        judge(trace, CLUSTER, note=NOTE, ledger=ledger, checks=checks)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({}, id="healthy"),
        pytest.param({"remote_port": b"77"}, id="wrong header"),
        pytest.param({"asked": N3}, id="wrong node"),
        pytest.param({"status": 401}, id="refused"),
        pytest.param({"handed": make_certificate("mallory")}, id="certificate of nobody"),
    ],
)
def test_twice_the_devices_are_twice_the_work(faults: dict[str, Any]) -> None:
    """Not four times: no check looks at all of one thing for each of another."""
    few, many = (_count_work(_sign_in_at_once(count, **faults)) for count in (20, 160))

    assert many < 8.3 * few


def test_work_that_grows_faster_is_seen() -> None:
    """A check that compares each request with each packet would fail the test above."""

    def judge_pairs(case: Case) -> list[Judgement]:
        pairs = ((r, p) for r in case.journeys.requests for p in case.trace.packets)
        return [Unjudged(reason="") for r, p in pairs if r is p]

    slow = Check(id="V99", promise="", source="", needs=(), judge=judge_pairs)
    few, many = (_count_work(_sign_in_at_once(count), (slow,)) for count in (20, 80))

    assert many > 4.3 * few
