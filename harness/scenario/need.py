"""What a scenario needs that only the simulated wire has."""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenario.event import (
    ClockChange,
    LinkChange,
    Until,
    Wait,
    parse_duration,
)
from harness.scenario.scenario import Scenario
from harness.scenario.step import Step, Together

LONGEST_WAIT_NS = 30_000_000_000
"""What the kernel wire waits for in real time."""


def find_needs(scenario: Scenario) -> tuple[str, ...]:
    """Why a scenario needs the simulated wire, one part of a sentence each; () when it does not."""
    return (
        *(
            ("defects: F35 hands packets on with another destination",)
            if "F35" in scenario.defects
            else ()
        ),
        *(f"site.translated.{name} changes an address" for name in scenario.site.translated),
        *(
            f"devices.{name}.behind changes an address"
            for name, device in scenario.devices.items()
            if device.behind is not None
        ),
        *(
            f"steps[{index}] {reason}"
            for index, step in enumerate(scenario.steps)
            for reason in _reasons(step)
        ),
    )


def find_wait_ns(step: Step) -> int:
    """How much time a step itself lets pass at most."""
    match step:
        case Wait():
            return parse_duration(step.wait)
        case Until():
            return parse_duration(step.at)
        case Together():
            return max((find_wait_ns(one) for one in step.together), default=0)
        case _:
            return 0


def _reasons(step: Step) -> Iterator[str]:
    match step:
        case LinkChange():
            yield f"changes the link of {step.link}"
        case ClockChange():
            yield f"changes the clock of {step.clock}"
        case Together():
            for one in step.together:
                yield from _reasons(one)
        case Wait() | Until() if find_wait_ns(step) > LONGEST_WAIT_NS:
            yield f"lets {step.wait if isinstance(step, Wait) else step.at} pass"
        case _:
            pass
