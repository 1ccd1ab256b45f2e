"""Examining: one check on one trace, for the tests of the checks."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.case import Case, build_case
from harness.checks.check import Check, examine
from harness.checks.registry import CHECKS
from harness.checks.run_note import RunNote
from harness.site.site import Site
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult
from tests.trace_builder import PROXY_KEY, USER_AUTHORITY, TraceBuilder

NOTE = RunNote(
    mode="namespaces",
    canary=True,
    complete=True,
    proxy_key=PROXY_KEY,
    user_authorities=(USER_AUTHORITY,),
)


def make_case(
    built: TraceBuilder | Trace, site: Site | None = None, *, note: RunNote | None = NOTE
) -> Case:
    """The case of a builder's site, or of a trace and a site."""
    trace = built.build() if isinstance(built, TraceBuilder) else built
    chosen = site or (built.site if isinstance(built, TraceBuilder) else None)
    assert chosen is not None
    if note is not None and isinstance(built, TraceBuilder):
        note = replace(note, settings=tuple(built.settings))
    return build_case(trace, chosen, note=note)


def result_of(check: Check, built: TraceBuilder | Trace, site: Site | None = None) -> CheckResult:
    """What one check says."""
    return examine(check, make_case(built, site))


def failing(built: TraceBuilder | Trace, site: Site | None = None) -> tuple[str, ...]:
    """Ids of all checks that fail; those that are UNKNOWN have a question mark."""
    case = make_case(built, site)
    marks = {Outcome.FAIL: "", Outcome.UNKNOWN: "?"}
    results = (examine(check, case) for check in CHECKS)
    return tuple(r.check + marks[r.outcome] for r in results if r.outcome in marks)
