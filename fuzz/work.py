"""Work: what one target did with its time, from the words that libFuzzer leaves behind."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one target did."""

    target: str
    executions: int
    seconds: float
    """Wall time, starting included."""
    coverage: str = "-"
    """Branches that libFuzzer counts, in the harness; "-" where it does not count."""
    found: int = 0
    shortfall: str = ""
    """What the target did not get, and why; empty: it had its time."""
    error: str = ""
    """Why there is no result."""

    def encode_line(self) -> str:
        """One line of JSON, from a shift to whoever started it."""
        return json.dumps(asdict(self))


def parse_work(line: str) -> Work:
    """The work that `encode_line` wrote."""
    return Work(**json.loads(line))


def read_work(
    target: str, *, log: str, seconds: float, shortfall: str = "", exit_code: int
) -> Work:
    """The work that the log of a target tells of.

    A target that was stopped left no final count: the last one that it told on its way holds.
    """
    final = re.findall(r"^stat::number_of_executed_units: *(\d+)", log, re.MULTILINE)
    counts = final or re.findall(r"^#(\d+)\t", log, re.MULTILINE)
    covered = re.findall(r"\bcov: (\d+)", log)
    error = ""
    if not final and not shortfall:
        error = f"exit {exit_code}: {(log.strip().splitlines() or ['no output'])[-1]}"
    return Work(
        target=target,
        executions=int(counts[-1]) if counts else 0,
        seconds=seconds,
        coverage=covered[-1] if covered else "-",
        found=len(re.findall(r"^found ", log, re.MULTILINE)),
        shortfall=shortfall,
        error=error,
    )
