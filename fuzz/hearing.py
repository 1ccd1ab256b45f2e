"""Hearing: a stored run before the judge again and again, each time with something changed.

Of each change only as much is judged as tells whether it was noticed: the check whose promise it breaks first, then the
others until one fails. What a full verdict would say is the same, since FAIL beats UNKNOWN, and UNKNOWN beats PASS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.checks.canary import build_canary
from harness.checks.case import Case, build_case
from harness.checks.check import Check, examine
from harness.checks.ledger import read_ledger
from harness.checks.registry import CHECKS
from harness.checks.run_note import TAG, RunNote, parse_run_note
from harness.site.site import Site
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome

_CANARY = build_canary(CHECKS)
_BY_ID = {check.id: check for check in CHECKS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """What the judge made of one change."""

    outcome: Outcome
    """The verdict's."""
    is_by_promised: bool
    """The check that promises it was FAIL, or UNKNOWN, itself."""


class Hearing:
    """One run."""

    def __init__(self, trace: Trace, site: Site) -> None:
        """Read once what the file says of itself."""
        self._site = site
        note = trace.annotations.get(TAG)
        self._note: RunNote | None = parse_run_note(note) if note is not None else None

    def judge(self, trace: Trace, *, promised: str) -> Noticed:
        """The outcome for a changed trace of the same run; `promised`: id of a check, or of none."""
        ledger = read_ledger(trace, site=self._site, note=self._note)
        case = build_case(trace, self._site, note=self._note, ledger=ledger)
        worst, is_by_promised = Outcome.PASS, False
        for check in _in_turn(promised):
            outcome = examine(check, case).outcome
            is_by_promised |= check.id == promised and outcome is not Outcome.PASS
            if outcome is Outcome.FAIL:
                return Noticed(outcome=outcome, is_by_promised=is_by_promised)
            worst = outcome if outcome is Outcome.UNKNOWN else worst
        if worst is Outcome.PASS:
            worst = self._ask_canary(case)
        return Noticed(outcome=worst, is_by_promised=is_by_promised)

    def _ask_canary(self, case: Case) -> Outcome:
        """It never fails, and asks every check once more: of use only where all of them are content."""
        return examine(_CANARY, case).outcome


def _in_turn(promised: str) -> Iterator[Check]:
    """The promised check first."""
    first = _BY_ID.get(promised)
    if first is not None:
        yield first
    yield from (check for check in CHECKS if check is not first)
