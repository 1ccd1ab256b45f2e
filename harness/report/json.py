"""The verdict as one line of JSON: the same bytes live and offline; no times, and no paths unless a check crashed.

docs/output.schema.json is its schema.
"""

from __future__ import annotations

import json

from harness.verdict.verdict import CheckResult, Verdict


def verdict_json(verdict: Verdict, *, file: str = "") -> str:
    """One line without its end; keys sorted. `file` is told where there are several."""
    told: dict[str, object] = {
        "as_expected": verdict.as_expected,
        "checks": [_result(result) for result in verdict.results],
        "completeness": dict(verdict.completeness),
        "mode": verdict.mode,
        "signed_in": dict(verdict.signed_in),
        "verdict": verdict.outcome.value,
    }
    if file:
        told["file"] = file
    if verdict.notes:
        told["notes"] = list(verdict.notes)
    if verdict.sources:
        told["sources"] = {
            str(number): f"{file}:{there}" for number, (file, there) in verdict.sources.items()
        }
    return json.dumps(told, sort_keys=True)


def _result(result: CheckResult) -> dict[str, object]:
    told: dict[str, object] = {
        "check": result.check,
        "findings": [{"message": f.message, "packets": list(f.packets)} for f in result.findings],
        "outcome": result.outcome.value,
        "reason": result.reason,
    }
    if result.traceback is not None:
        # Only of a check that crashed: our own bug, to be reported.
        told["traceback"] = result.traceback
    return told
