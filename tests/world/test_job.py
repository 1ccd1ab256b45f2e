"""A job crosses a process border, and so does what goes wrong with it."""

from __future__ import annotations

import pickle
from pathlib import Path

from harness.scenario.scenario import Scenario
from harness.world.job import Job, WorldError


def test_a_job_survives_the_journey_to_the_world() -> None:
    """It is plain data."""
    site = {"fqdn": "access.example.com", "nodes": {"node1": "10.20.1.1"}}
    scenario = Scenario.model_validate({"scenario": "x", "site": site})
    job = Job(scenario=scenario, text="scenario: x", file=Path("runs/x.pcapng"))

    assert pickle.loads(pickle.dumps(job)) == job


def test_an_error_survives_the_journey_back() -> None:
    """Its text is what the user reads."""
    assert str(pickle.loads(pickle.dumps(WorldError("no space left")))) == "no space left"
