"""Replay: from a trace (or a file) to a verdict, whatever the file says about itself."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest

from harness.checks.registry import CHECKS
from harness.replay import judge_trace, replay
from harness.report.json import verdict_json
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import Verdict
from tests.canary_trace import commit_canary
from tests.defect_traces import DEFECTIVE
from tests.trace_builder import CLUSTER, TraceBuilder, make_site

IDS = [*(check.id for check in CHECKS), "canary"]


def _recorded(builder: TraceBuilder | None = None, **annotations: Any) -> Trace:
    """A trace as a run leaves it; keyword arguments replace annotations by tag (`run_1`), None removes them."""
    if builder is None:
        builder = TraceBuilder()
        builder.sign_in()
    commit_canary(builder)
    said: dict[str, Any] = builder.annotations()
    said |= {tag.replace("_", "/"): text for tag, text in annotations.items()}
    return builder.build(annotations={tag: text for tag, text in said.items() if text is not None})


def _reasons(verdict: Verdict) -> set[str | None]:
    return {result.reason for result in verdict.results}


def test_a_recorded_run_passes() -> None:
    """All checks and the canary, the mode and who is signed in."""
    verdict = judge_trace(_recorded())

    assert [(r.check, r.outcome) for r in verdict.results] == [
        (check, Outcome.PASS) for check in IDS
    ]
    assert (verdict.mode, dict(verdict.signed_in)) == ("namespaces", {"pixel": "alice@example.com"})
    assert (verdict.as_expected, verdict.completeness["complete"]) == (True, True)


def test_a_foreseen_failure_is_as_expected() -> None:
    """The expectation travels inside the file."""
    foreseen = {"verdict": "fail", "findings": ["V05"], "signed_in": {}}
    right, wrong = (
        judge_trace(_recorded(DEFECTIVE["F44"](), expectation_1=json.dumps(foreseen | change)))
        for change in ({}, {"signed_in": {"pixel": "alice@example.com"}})
    )

    assert (right.outcome, right.failing) == (Outcome.FAIL, ("V05",))
    assert (right.as_expected, wrong.as_expected) == (True, False)


def test_without_a_site_nothing_is_judged() -> None:
    """And the remedy is named."""
    verdict = judge_trace(_recorded(site_1=None))

    assert [r.outcome for r in verdict.results] == [Outcome.UNKNOWN] * len(IDS)
    assert _reasons(verdict) == {"no site description: give --site"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "Invalid JSON"),
        ("[]", "site/1"),
        ('{"fqdn": "x"}', "nodes"),
        ('{"nodes": {"n": 1}}', "fqdn"),
    ],
)
def test_a_site_that_cannot_be_read_is_no_exception(text: str, expected: str) -> None:
    """Every check is UNKNOWN and says why."""
    verdict = judge_trace(_recorded(site_1=text))

    (reason,) = _reasons(verdict)
    assert expected in (reason or "")
    assert "give --site" in (reason or "")


def test_a_site_of_another_version_is_named() -> None:
    """A file of the future."""
    (reason,) = _reasons(judge_trace(_recorded(site_1=None, site_2="{}")))

    assert reason == "no site description: give --site (the file holds site/2, not site/1)"


def test_a_site_from_outside_replaces_the_files_own() -> None:
    """Other rules, another verdict."""
    strict = make_site(destination="bystander")
    trace = _recorded()

    assert judge_trace(trace, site=strict).failing == ("V15",)
    assert judge_trace(_recorded(site_1="{"), site=CLUSTER).outcome is Outcome.PASS


@pytest.mark.parametrize("tag", ["run_1", "expectation_1"])
@pytest.mark.parametrize("text", ["{", "[]", "3", '{"mode": 1, "verdict": "maybe"}', "[" * 50_000])
def test_other_annotations_that_cannot_be_read_leave_it_unknown(tag: str, text: str) -> None:
    """The ledger says so; nobody raises."""
    changed: dict[str, Any] = {tag: text}
    verdict = judge_trace(_recorded(**changed))

    assert verdict.outcome is Outcome.UNKNOWN
    assert f"annotation {tag.replace('_', '/')} cannot be read" in (verdict.results[0].reason or "")


def test_a_capture_of_others_is_never_passed() -> None:
    """No run note: nobody knows whether the checks could fire."""
    verdict = judge_trace(_recorded(run_1=None, expectation_1=None))

    assert (verdict.mode, verdict.outcome) == ("foreign", Outcome.UNKNOWN)
    assert [r.check for r in verdict.results if r.outcome is Outcome.UNKNOWN] == ["canary"]


def test_an_interrupted_run_is_unknown() -> None:
    """Although everything in it is well."""
    builder = TraceBuilder()
    note = builder.annotations(complete=False)["run/1"]
    verdict = judge_trace(_recorded(run_1=note))

    assert verdict.results[0].outcome is Outcome.UNKNOWN
    assert "interrupted" in (verdict.results[0].reason or "")
    assert Outcome.PASS not in {r.outcome for r in verdict.results[:-1]}


def test_an_empty_trace_is_unknown() -> None:
    """No packets, no claim, no crash."""
    verdict = judge_trace(Trace(), site=CLUSTER)

    assert {r.outcome for r in verdict.results} == {Outcome.UNKNOWN}
    assert [r.traceback for r in verdict.results if r.traceback] == []


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"GIF89a", b"\x0a\x0d\x0d\x0a" * 9], ids=["empty", "line", "gif", "cut"]
)
def test_a_file_that_is_no_capture_is_unknown(data: bytes) -> None:
    """What was understood, what not."""
    verdict = replay(BytesIO(data), site=CLUSTER)

    assert verdict.outcome is Outcome.UNKNOWN
    assert Outcome.PASS not in {r.outcome for r in verdict.results}


@pytest.mark.parametrize("defect", ["F15", "F44", "F57"])
def test_the_same_trace_gives_the_same_bytes(defect: str) -> None:
    """Twice judged, once written."""
    texts = {verdict_json(judge_trace(_recorded(DEFECTIVE[defect]()))) for _ in range(2)}

    assert len(texts) == 1
