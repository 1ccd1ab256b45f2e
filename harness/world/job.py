"""One job for the world: what to record, where to, and how it can fail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a world process is given; it crosses a process border, so it is plain data."""

    scenario: Scenario
    text: str
    """The scenario file as the user wrote it; it travels inside the capture."""
    file: Path
    """The capture to write; it appears under this name only when it is whole."""
    step_timeout_ns: int = 60_000_000_000
    """A step that lasts longer ends the run, which is then incomplete."""


class WorldError(Exception):
    """The world could not be built or recorded here; the text says why and what to change."""
