"""The check: a promise, the evidence it needs, and a judge; and how its outcome comes about.

A finding that was seen is FAIL. Missing evidence beats silence: UNKNOWN. Only both together, nothing found and
nothing missing, are PASS. A judge that crashes is UNKNOWN with its traceback.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from harness.checks.case import Case
from harness.checks.ledger import tell_packets
from harness.checks.need import Need
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult

SHOWN = 3
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


def as_absent(judgements: Iterable[Judgement]) -> Iterator[Judgement]:
    """The same, where something that is not in the file would make each finding a wrong one."""
    for judgement in judgements:
        yield Absent(finding=judgement) if isinstance(judgement, Finding) else judgement


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
    looked_at: Callable[[Case], str] | None = None
    """How much was judged, such as `3 requests`: told when nothing was wrong and the capture may lack something."""


def examine(check: Check, case: Case) -> CheckResult:
    """The outcome of one check; never raises."""
    try:
        missing = {need: lacks for need in check.needs if (lacks := need.missing(case))}
        judgements = tuple(check.judge(case))
    except Exception as error:  # noqa: BLE001 - a crashed check says nothing, and must not stop the others
        return crashed(check, error)
    findings = [j for j in judgements if isinstance(j, Finding)]
    reasons: list[str] = []
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
    try:
        return _without_findings(check, case, reasons, missing)
    except Exception as error:  # noqa: BLE001 - as above
        return crashed(check, error)


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


def _without_findings(
    check: Check, case: Case, reasons: list[str], missing: dict[Need, tuple[str, ...]]
) -> CheckResult:
    """PASS where nothing is in the way; else the few reasons that say most: what is nearest to the promise first."""
    groups = [("", tuple(dict.fromkeys(reasons)))] if reasons else []
    groups += [(need.intro, tuple(dict.fromkeys(missing[need]))) for need in reversed(missing)]
    if not groups:
        return CheckResult(check=check.id, promise=check.promise, outcome=Outcome.PASS)
    shown = _share(len(group) for _, group in groups)
    told = [
        intro + "; ".join(group[:count])
        for (intro, group), count in zip(groups, shown, strict=True)
        if count
    ]
    more = sum(len(group) for _, group in groups) - sum(shown)
    # Only the state of the capture is in the way (it alone has an introduction): what it shows was in order.
    is_clean = check.looked_at is not None and all(intro for intro, _ in groups)
    lead = f"nothing wrong in {check.looked_at(case)}, but " if check.looked_at and is_clean else ""
    return unknown(check, lead + "; ".join(told) + (f"; and {more} more" if more else ""))


def _share(sizes: Iterable[int]) -> list[int]:
    """How many reasons of each group are told: one of each as far as they go, then more of the first."""
    listed = list(sizes)
    shown = [int(index < SHOWN) for index in range(len(listed))]
    for index, size in enumerate(listed):
        while sum(shown) < SHOWN and shown[index] < size:
            shown[index] += 1
    return shown


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By first packet, each only once."""
    distinct = {(f.packets, f.message): f for f in findings}
    return tuple(distinct[key] for key in sorted(distinct))
