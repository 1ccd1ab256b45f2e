"""Whether events fit the rest of their scenario: machines that exist, durations that can be read."""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenario.event import (
    ClockChange,
    Event,
    LinkChange,
    NameChange,
    Until,
    Wait,
    parse_duration,
)
from harness.scenario.scenario import Scenario
from harness.site.problem import Path, Problem, choose, show

LONGEST_WAIT_NS = 400 * 86_400_000_000_000
"""More than a year needs no simulation of every second in between."""


def find_event_problems(path: Path, event: Event, scenario: Scenario) -> Iterator[Problem]:
    """Everything that is wrong with one event; `path` is its place in the file."""
    match event:
        case Wait():
            yield from _duration((*path, "wait"), event.wait)
        case Until():
            yield from _duration((*path, "at"), event.at)
        case LinkChange():
            yield from _machine((*path, "link"), event.link, scenario)
        case ClockChange():
            yield from _machine((*path, "clock"), event.clock, scenario)
            yield from _duration((*path, "ahead"), event.ahead, may_be_negative=True)
        case NameChange():
            if not event.look_up:
                yield Problem(path=(*path, "look_up"), found='""', expected="a host name")


def _machine(path: Path, name: str, scenario: Scenario) -> Iterator[Problem]:
    site = scenario.site
    machines = (
        *site.nodes,
        *site.balancers,
        *scenario.devices,
        *scenario.attackers,
        *scenario.bystanders,
    )
    if name not in machines:
        yield Problem(path=path, found=show(name), expected=f"a machine: {choose(machines, name)}")


def _duration(path: Path, text: str, *, may_be_negative: bool = False) -> Iterator[Problem]:
    expected = "a duration of at most 400 days, such as 500ms, 90s, 11m, 24h, 31d"
    try:
        duration_ns = parse_duration(text)
    except ValueError:
        yield Problem(path=path, found=show(text), expected=expected)
        return
    if abs(duration_ns) > LONGEST_WAIT_NS or (duration_ns < 0 and not may_be_negative):
        yield Problem(path=path, found=show(text), expected=expected)
