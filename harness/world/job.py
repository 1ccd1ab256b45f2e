"""One job for the world: what to record, where to, and how it can fail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.scenario.need import find_wait_ns
from harness.scenario.scenario import Scenario
from harness.scenario.step import SignIn, Step, Together
from harness.world.engine import Engine

PER_TURN = 200
"""Devices of one step for which its time is enough on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a world process is given; it crosses a process border, so it is plain data."""

    scenario: Scenario
    text: str
    """The scenario file as the user wrote it; it travels inside the capture."""
    file: Path
    """The capture to write; it appears under this name only when it is whole."""
    engines: tuple[Engine, ...] = ()
    """Real balancers that the scenario needs."""
    step_timeout_ns: int = 60_000_000_000
    """A step that lasts longer ends the run, which is then incomplete; a large fleet gets it several times."""

    def limit_ns(self, step: Step) -> int:
        """How long one step may last."""
        turns = 1 + _count_devices(step, self.scenario) // PER_TURN
        return self.step_timeout_ns * turns + find_wait_ns(step)


def _count_devices(step: Step, scenario: Scenario) -> int:
    """Devices that sign in within a step."""
    match step:
        case SignIn():
            asked = (step.device,) if isinstance(step.device, str) else step.device
            listed = (scenario.devices[name] for name in asked if name in scenario.devices)
            return sum(device.count or 1 for device in listed)
        case Together():
            return sum(_count_devices(one, scenario) for one in step.together)
        case _:
            return 0


class WorldError(Exception):
    """The world could not be built or recorded here; the text says why and what to change."""
