"""The judge: all checks on one trace, and the canary that shows that they can fire."""

from __future__ import annotations

from harness.checks.canary import build_canary
from harness.checks.case import Case, build_case
from harness.checks.check import Check, crashed, examine, unknown
from harness.checks.ledger import Ledger
from harness.checks.registry import CHECKS
from harness.checks.run_note import RunNote
from harness.site.site import Site
from harness.trace.trace import Trace
from harness.verdict.verdict import CheckResult


def judge(
    trace: Trace,
    site: Site,
    *,
    note: RunNote | None,
    ledger: Ledger,
    checks: tuple[Check, ...] = CHECKS,
) -> tuple[tuple[CheckResult, ...], Case | None]:
    """Results in registry order, the canary last, and what was derived; never raises.

    A site whose settings cannot be read, or legs that cannot be joined, leave every check UNKNOWN and no case.
    """
    canary = build_canary(checks)
    try:
        case = build_case(trace, site, note=note, ledger=ledger)
    except Exception as error:  # noqa: BLE001 - our own failure is UNKNOWN for every check, with its traceback
        return tuple(crashed(check, error) for check in (*checks, canary)), None
    return tuple(examine(check, case) for check in (*checks, canary)), case


def abstain(reason: str, *, checks: tuple[Check, ...] = CHECKS) -> tuple[CheckResult, ...]:
    """Every check UNKNOWN for one reason."""
    return tuple(unknown(check, reason) for check in (*checks, build_canary(checks)))
