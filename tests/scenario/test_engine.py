"""The engines of balancers: what is asked of a real program that it cannot do is refused, with place and remedy."""

from __future__ import annotations

from typing import Any

import pytest

from harness.scenario.defect import DEFECTS
from harness.scenario.engine import COMMITTED, find_engine_problems, real_balancers
from harness.scenario.scenario import Scenario


def _scenario(
    *, engine: str = "haproxy", balancer: dict[str, Any] | None = None, **more: Any
) -> Scenario:
    vip = {"address": "10.20.0.10", "engine": engine, **(balancer or {})}
    site = {
        "fqdn": "access.example.com",
        "nodes": {"node1": "10.20.1.1"},
        "balancers": {"vip": vip},
    }
    return Scenario.model_validate({"scenario": "x", "site": site, **more})


def _told(scenario: Scenario) -> list[str]:
    return [str(problem) for problem in find_engine_problems(scenario)]


def test_a_real_program_is_named() -> None:
    """The one built in is none."""
    assert real_balancers(_scenario(engine="nginx")) == {"vip": "nginx"}
    assert real_balancers(_scenario(engine="builtin")) == {}


@pytest.mark.parametrize("engine", COMMITTED)
def test_mistakes_in_its_configuration_are_accepted(engine: str) -> None:
    """And faults of others, which are none of its business."""
    assert _told(_scenario(engine=engine, defects=[*COMMITTED[engine], "F09"])) == []


def test_what_it_commits_are_faults_of_balancers() -> None:
    """Each is in the list of defects."""
    known = {defect.id for defect in DEFECTS if "balancer" in defect.actor.split(", ")}

    assert [engine for engine, ids in COMMITTED.items() if not ids <= known] == []


@pytest.mark.parametrize("defect", ["F30", "F91"])
def test_other_faults_at_a_balancer_are_refused(defect: str) -> None:
    """With the ones that can be had, and the way out."""
    (told,) = _told(_scenario(defects=["F09", defect]))

    assert told.startswith(f'$.defects[1]: got "{defect}"; expected engine: builtin for vip')
    assert "F19" in told


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        pytest.param([{"probe": "vip"}], "$.steps[0].probe", id="alone"),
        pytest.param(
            [{"together": [{"probe": "vip"}]}], "$.steps[0].together[0].probe", id="among others"
        ),
    ],
)
def test_a_probe_on_demand_is_refused(steps: list[Any], place: str) -> None:
    """Real programs probe when they like."""
    (told,) = _told(_scenario(steps=steps))

    assert told.startswith(f'{place}: got "vip"; expected a balancer with engine: builtin')


def test_what_needs_the_simulated_wire_is_refused() -> None:
    """Hours that pass at once, say."""
    (told,) = _told(_scenario(steps=[{"wait": "11m"}]))

    assert told == (
        '$.site.balancers.vip.engine: got "haproxy"; expected builtin: real programs need the kernel wire, and '
        "steps[0] lets 11m pass, which only a simulation does"
    )


@pytest.mark.parametrize("engine", ["builtin", "nginx"])
def test_health_checks_of_others_are_refused(engine: str) -> None:
    """Only HAProxy has them."""
    (told,) = _told(_scenario(engine=engine, balancer={"health_check_ms": 200}))

    assert told == (
        "$.site.balancers.vip.health_check_ms: got 200; expected engine: haproxy for vip, or no such key: "
        f"{engine} has no health checks"
    )


@pytest.mark.parametrize(
    ("inner", "service", "count"),
    [("nginx", "terminate", 1), ("builtin", "terminate", 0), ("nginx", "passthrough", 0)],
)
def test_tls_between_two_real_programs_is_refused(inner: str, service: str, count: int) -> None:
    """Nobody could read it; one end has to be ours, or both pass it through."""
    edge = {"address": "10.20.0.9", "engine": "haproxy", "443": service, "to": ["vip"]}
    vip = {"address": "10.20.0.10", "engine": inner, "443": service}
    site = {
        "fqdn": "access.example.com",
        "nodes": {"node1": "10.20.1.1"},
        "balancers": {"edge": edge, "vip": vip},
    }
    told = _told(Scenario.model_validate({"scenario": "x", "site": site}))

    assert [line.partition(":")[0] for line in told] == ["$.site.balancers.edge.to"] * count
