"""The judge: all checks on one trace, and the canary that shows that they can fire."""

from __future__ import annotations

from harness.checks.canary import build_canary
from harness.checks.case import Case, build_case
from harness.checks.check import Check, Examination, crashed, unknown
from harness.checks.ledger import Ledger
from harness.checks.registry import CHECKS
from harness.checks.run_note import RunNote
from harness.site.site import Site
from harness.trace.trace import Trace
from harness.verdict.verdict import CheckResult


class Judge:
    """All checks on a trace, or on one part of a large one after another; then the canary."""

    def __init__(
        self, site: Site, *, note: RunNote | None, checks: tuple[Check, ...] = CHECKS
    ) -> None:
        """Nothing was heard yet."""
        self._site = site
        self._note = note
        self._checks = (*checks, build_canary(checks))
        self._examinations = tuple(Examination(check) for check in self._checks)
        self._failure: Exception | None = None

    def hear(self, trace: Trace, ledger: Ledger) -> Case | None:
        """Ask all checks; gives what was derived. Never raises.

        A site whose settings cannot be read, or legs that cannot be joined, leave every check UNKNOWN and no case.
        """
        try:
            case = build_case(trace, self._site, note=self._note, ledger=ledger)
        except Exception as error:  # noqa: BLE001 - our own failure is UNKNOWN for every check, with its traceback
            self._failure = error
            return None
        for examination in self._examinations:
            examination.look(case)
        return case

    def conclude(self) -> tuple[CheckResult, ...]:
        """Results in registry order, the canary last."""
        if self._failure is not None:
            return tuple(crashed(check, self._failure) for check in self._checks)
        return tuple(examination.conclude() for examination in self._examinations)


def judge(
    trace: Trace,
    site: Site,
    *,
    note: RunNote | None,
    ledger: Ledger,
    checks: tuple[Check, ...] = CHECKS,
) -> tuple[tuple[CheckResult, ...], Case | None]:
    """Results on a whole trace, and what was derived; never raises."""
    one = Judge(site, note=note, checks=checks)
    case = one.hear(trace, ledger)
    return one.conclude(), case


def abstain(reason: str, *, checks: tuple[Check, ...] = CHECKS) -> tuple[CheckResult, ...]:
    """Every check UNKNOWN for one reason."""
    return tuple(unknown(check, reason) for check in (*checks, build_canary(checks)))
