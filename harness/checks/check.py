"""The check: a promise, the evidence it needs, and a judge; and how its outcome comes about.

A finding that was seen is FAIL. Missing evidence beats silence: UNKNOWN. Only both together, nothing found and
nothing missing, are PASS. A judge that crashes is UNKNOWN with its traceback.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from harness.checks.case import Case
from harness.checks.ledger import tell_packets
from harness.checks.need import Need
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult

SHOWN = 3
"""Reasons of one check that are told; the rest is counted."""
REMEMBERED = 1_000
"""Reasons of one kind that are told apart; further ones are counted as they come."""


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


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What a check judges one by one, such as requests."""

    noun: str
    """Of one."""
    count: Callable[[Case], int]
    """How many a case has that no other part of the capture has."""


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
    looked_at: LookedAt | None = None
    """How much was judged: told when nothing was wrong and the capture may lack something."""
    by_packets: bool = False
    """It looks at packets alone, never at connections: of a large capture in parts, once and at all of them."""


class Examination:
    """One check on a trace, or on one part of a large one after another."""

    def __init__(self, check: Check) -> None:
        """Nothing was looked at yet."""
        self._check = check
        self._findings: list[Finding] = []
        self._absent: list[Finding] = []
        self._reasons = _Reasons()
        self._missing = {need: _Reasons() for need in check.needs}
        self._looked_at = 0
        self._is_begun = False
        self._crash: CheckResult | None = None

    def look(self, case: Case) -> None:
        """Judge a case; of a part of a capture only what no other part judges. Never raises."""
        check = self._check
        if self._crash is not None or (self._is_begun and check.by_packets):
            return
        self._is_begun = True
        try:
            for need, reasons in self._missing.items():
                reasons.add(need.missing(case))
            for judgement in tuple(check.judge(case)):
                if check.by_packets or _is_own(judgement, case.trace.own):
                    self._take(judgement)
            if check.looked_at is not None and any(self._missing.values()):
                self._looked_at += check.looked_at.count(case)
        except Exception as error:  # noqa: BLE001 - a crashed check says nothing, and must not stop the others
            self._crash = crashed(check, error)

    def conclude(self) -> CheckResult:
        """The outcome."""
        check = self._check
        if self._crash is not None:
            return self._crash
        is_all_there = not any(self._missing.values())
        findings = [*self._findings, *self._absent] if is_all_there else self._findings
        if findings:
            return CheckResult(
                check=check.id,
                promise=check.promise,
                outcome=Outcome.FAIL,
                findings=_in_order(findings),
            )
        reason = self._tell_reasons()
        if reason is not None:
            return unknown(check, reason)
        return CheckResult(check=check.id, promise=check.promise, outcome=Outcome.PASS)

    def _take(self, judgement: Judgement) -> None:
        match judgement:
            case Unjudged(reason=reason, packets=packets):
                self._reasons.add((f"{reason} ({tell_packets(packets)})" if packets else reason,))
            case Absent(finding=finding):
                where = tell_packets(finding.packets)
                self._reasons.add((f"{finding.message} ({where}), unless the evidence is missing",))
                if not any(self._missing.values()):
                    self._absent.append(finding)
            case finding:
                self._findings.append(finding)

    def _tell_reasons(self) -> str | None:
        """The few reasons that say most, what is nearest to the promise first; None: nothing is in the way."""
        groups = [("", self._reasons)] if self._reasons else []
        groups += [(need.intro, found) for need, found in reversed(self._missing.items()) if found]
        if not groups:
            return None
        shown = _share(len(found) for _, found in groups)
        told = [
            intro + "; ".join(found.first(count))
            for (intro, found), count in zip(groups, shown, strict=True)
            if count
        ]
        more = sum(len(found) for _, found in groups) - sum(shown)
        # Only the state of the capture is in the way (it alone has an introduction): what it shows was in order.
        is_clean = self._check.looked_at is not None and all(intro for intro, _ in groups)
        lead = f"nothing wrong in {self._tell_looked_at()}, but " if is_clean else ""
        return lead + "; ".join(told) + (f"; and {more} more" if more else "")

    def _tell_looked_at(self) -> str:
        assert self._check.looked_at is not None
        return (
            f"{self._looked_at} {self._check.looked_at.noun}{'' if self._looked_at == 1 else 's'}"
        )


class _Reasons:
    """Distinct sentences in the order in which they came; of very many most are only counted."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}
        self._more = 0

    def __len__(self) -> int:
        return len(self._told) + self._more

    def add(self, reasons: Iterable[str]) -> None:
        for reason in reasons:
            if len(self._told) < REMEMBERED:
                self._told[reason] = None
            else:
                self._more += reason not in self._told

    def first(self, count: int) -> Iterator[str]:
        return islice(self._told, count)


def _is_own(judgement: Judgement, own: range) -> bool:
    """Whether this part of a capture is the one to say it: where its last packet is. What has no packets all say."""
    story = judgement.finding if isinstance(judgement, Absent) else judgement
    return not story.packets or story.packets[-1] in own


def examine(check: Check, case: Case) -> CheckResult:
    """The outcome of one check on a whole trace; never raises."""
    examination = Examination(check)
    examination.look(case)
    return examination.conclude()


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
