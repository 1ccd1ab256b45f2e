"""completeness: the capture holds every packet of every tap. Never FAIL: what is not proven is UNKNOWN."""

from __future__ import annotations

from collections.abc import Iterable

from harness.checks.case import Case
from harness.checks.check import Check, Judgement
from harness.checks.need import COMPLETE


def _judge(case: Case) -> Iterable[Judgement]:
    """Nothing beyond the ledger, which is a need."""
    del case
    return ()


COMPLETENESS = Check(
    id="completeness",
    promise="The capture holds every packet that passed its taps.",
    source="architecture principle 4",
    needs=(COMPLETE,),
    judge=_judge,
)
