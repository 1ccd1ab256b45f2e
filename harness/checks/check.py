"""The check: a promise, the evidence it needs, and a judge; and how its outcome comes about.

A finding that was seen is FAIL. Missing evidence beats silence: UNKNOWN. Only both together, nothing found and
nothing missing, are PASS. A judge that crashes is UNKNOWN with its traceback.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.checks.case import Case
from harness.checks.ledger import tell_packets
from harness.checks.need import Need
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult

SHOWN = 5
"""Reasons of one check that are told; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """Something that can be said neither way."""

    reason: str
    packets: tuple[PacketNumber, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A violation that consists in something that is not there: a finding only where nothing is missing."""

    finding: Finding


Judgement = Finding | Absent | Unjudged


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One invariant."""

    id: str
    promise: str
    """One sentence: what holds."""
    source: str
    """Where the promise comes from."""
    needs: tuple[Need, ...]
    judge: Callable[[Case], Iterable[Judgement]]
    """Says what is wrong or undecidable; never that something is right."""


def examine(check: Check, case: Case) -> CheckResult:
    """The outcome of one check; never raises."""
    try:
        missing = [reason for need in check.needs if (reason := need.missing(case)) is not None]
        judgements = tuple(check.judge(case))
    except Exception as error:  # noqa: BLE001 - a crashed check says nothing, and must not stop the others
        return crashed(check, error)
    findings = [j for j in judgements if isinstance(j, Finding)]
    reasons = [*missing]
    for judgement in judgements:
        match judgement:
            case Unjudged(reason=reason, packets=packets):
                reasons.append(f"{reason} ({tell_packets(packets)})" if packets else reason)
            case Absent(finding=finding) if missing:
                reasons.append(
                    f"{finding.message} ({tell_packets(finding.packets)}), unless the evidence is missing"
                )
            case Absent(finding=finding):
                findings.append(finding)
            case _:
                pass
    if findings:
        return CheckResult(
            check=check.id,
            promise=check.promise,
            outcome=Outcome.FAIL,
            findings=_in_order(findings),
        )
    return _without_findings(check, reasons)


def unknown(check: Check, reason: str) -> CheckResult:
    """A check that could not be judged at all."""
    return CheckResult(
        check=check.id, promise=check.promise, outcome=Outcome.UNKNOWN, reason=reason
    )


def crashed(check: Check, error: Exception) -> CheckResult:
    """UNKNOWN because our own code failed."""
    return CheckResult(
        check=check.id,
        promise=check.promise,
        outcome=Outcome.UNKNOWN,
        reason=f"the check itself failed: {type(error).__name__}: {error}",
        traceback="".join(traceback.format_exception(error)),
    )


def _without_findings(check: Check, reasons: list[str]) -> CheckResult:
    distinct = tuple(dict.fromkeys(reasons))
    if not distinct:
        return CheckResult(check=check.id, promise=check.promise, outcome=Outcome.PASS)
    more = f"; and {len(distinct) - SHOWN} more" if len(distinct) > SHOWN else ""
    return unknown(check, "; ".join(distinct[:SHOWN]) + more)


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By first packet, each only once."""
    distinct = {(f.packets, f.message): f for f in findings}
    return tuple(distinct[key] for key in sorted(distinct))
