"""The judge: all results in order, and one reason for all where nothing can be judged."""

from __future__ import annotations

from harness.checks.check import Check
from harness.checks.judge import abstain, judge
from harness.checks.ledger import read_ledger
from harness.checks.registry import CHECKS
from harness.verdict.outcome import Outcome
from tests.canary_trace import commit_canary
from tests.checks.examining import NOTE
from tests.trace_builder import CLUSTER, TraceBuilder, make_site

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
