"""The engines of balancers: which faults each real program commits when it is configured so, and what it cannot do.

What no configuration brings about is left to the balancer built in, and a scenario that asks for it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from harness.scenario.defect import DEFECTS
from harness.scenario.need import find_needs
from harness.scenario.scenario import Scenario
from harness.scenario.step import Probe, Step, Together
from harness.site.problem import Path, Problem, show
from harness.site.site import BalancerMode

COMMITTED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "haproxy": frozenset(
            {"A06", "A07", "F15", "F19", "F23", "F31", "F36", "F38", "F40", "F41", "F42", "F80"}
        ),
        "nginx": frozenset({"A06", "A07", "F15", "F20", "F23", "F36", "F38", "F40", "F42", "F80"}),
    }
)
"""Engine to the defects that are mistakes in its configuration."""
_BALANCERS = ("balancer", "network")
"""Who commits faults at a balancer: itself, or the firewall in front of it (F91)."""


def real_balancers(scenario: Scenario) -> Mapping[str, str]:
    """Balancer to its engine, of those that are not built in."""
    return {n: b.engine for n, b in scenario.site.balancers.items() if b.engine in COMMITTED}


def find_engine_problems(scenario: Scenario) -> Iterator[Problem]:
    """What a scenario asks of a real program that it cannot do, or of another one."""
    for name, balancer in scenario.site.balancers.items():
        if balancer.health_check_ms is not None and balancer.engine != "haproxy":
            yield Problem(
                path=("site", "balancers", name, "health_check_ms"),
                found=show(balancer.health_check_ms),
                expected=f"engine: haproxy for {name}, or no such key: {balancer.engine} has no health checks",
            )
    for name, engine in real_balancers(scenario).items():
        for index, defect in enumerate(scenario.defects):
            if _is_balancers(defect) and defect not in COMMITTED[engine]:
                able = ", ".join(sorted(COMMITTED[engine]))
                yield Problem(
                    path=("defects", index),
                    found=show(defect),
                    expected=f"engine: builtin for {name}, since no configuration of {engine} does this (but {able})",
                )
        for path, step in _steps(("steps",), scenario.steps):
            if isinstance(step, Probe) and step.probe == name:
                yield Problem(
                    path=(*path, "probe"),
                    found=show(name),
                    expected=f"a balancer with engine: builtin: {engine} probes when it likes, not when it is told",
                )
        for other in scenario.site.balancers[name].to:
            if _is_sealed(scenario, name, other):
                yield Problem(
                    path=("site", "balancers", name, "to"),
                    found=show(other),
                    expected=f"a node, or engine: builtin for {name} or {other}: the TLS between two real programs "
                    "cannot be read, since neither tells its secrets",
                )
        needs = find_needs(scenario)
        if needs:
            yield Problem(
                path=("site", "balancers", name, "engine"),
                found=show(engine),
                expected=f"builtin: real programs need the kernel wire, and {needs[0]}, which only a simulation does",
            )


def _is_sealed(scenario: Scenario, name: str, other: str) -> bool:
    """Whether both ends of the TLS on the service port between two balancers are real programs."""
    balancers = scenario.site.balancers
    if balancers[name].service is not BalancerMode.TERMINATE or other not in real_balancers(
        scenario
    ):
        return False
    return balancers[other].service.ends_tls


def _is_balancers(defect: str) -> bool:
    known = next((one for one in DEFECTS if one.id == defect), None)
    return known is not None and any(actor in known.actor.split(", ") for actor in _BALANCERS)


def _steps(path: Path, steps: tuple[Step, ...]) -> Iterator[tuple[Path, Step]]:
    for index, step in enumerate(steps):
        yield (*path, index), step
        if isinstance(step, Together):
            yield from _steps((*path, index, "together"), step.together)
