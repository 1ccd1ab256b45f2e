"""The three outcomes and how they merge."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """No claim without evidence: what cannot be shown either way is UNKNOWN."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


def merge(outcomes: Iterable[Outcome]) -> Outcome:
    """FAIL over UNKNOWN over PASS; nothing at all is UNKNOWN."""
    seen = set(outcomes)
    for outcome in (Outcome.FAIL, Outcome.UNKNOWN):
        if outcome in seen:
            return outcome
    return Outcome.PASS if seen else Outcome.UNKNOWN
