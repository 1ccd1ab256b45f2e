"""A job crosses a process border, and so does what goes wrong with it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from harness.scenario.scenario import Scenario
from harness.world.job import Job, WorldError


def test_a_job_survives_the_journey_to_the_world() -> None:
    """It is plain data."""
    site = {"fqdn": "access.example.com", "nodes": {"node1": "10.20.1.1"}}
    scenario = Scenario.model_validate({"scenario": "x", "site": site})
    job = Job(scenario=scenario, text="scenario: x", file=Path("runs/x.pcapng"))

    assert pickle.loads(pickle.dumps(job)) == job


@pytest.mark.parametrize(
    ("step", "turns", "wait_s"),
    [
        ({"device": "pixel", "sign_in": "a"}, 1, 0),
        ({"device": "phone", "sign_in": "a"}, 11, 0),
        ({"together": [{"device": ["phone", "pixel"], "sign_in": "a"}, {"wait": "5s"}]}, 11, 5),
        ({"wait": "5s"}, 1, 5),
    ],
    ids=["one", "a fleet", "together", "a wait"],
)
def test_a_large_fleet_gets_more_time(step: dict[str, object], turns: int, wait_s: int) -> None:
    """It acts some at a time; what lets time pass gets that as well."""
    devices = {"pixel": {"user": "a@b.c"}, "phone": {"user": "u{n}@b.c", "count": 2000}}
    site = {"fqdn": "access.example.com", "nodes": {"node1": "10.20.1.1"}}
    known = {"scenario": "x", "site": site, "devices": devices, "steps": [step]}
    scenario = Scenario.model_validate(known)
    job = Job(scenario=scenario, text="", file=Path("x"), step_timeout_ns=1_000_000_000)

    assert job.limit_ns(scenario.steps[0]) == (turns + wait_s) * 1_000_000_000


def test_an_error_survives_the_journey_back() -> None:
    """Its text is what the user reads."""
    assert str(pickle.loads(pickle.dumps(WorldError("no space left")))) == "no space left"
