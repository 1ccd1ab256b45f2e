"""Steps as data: the key tells the kind."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from harness.scenario.scenario import Scenario
from harness.scenario.step import (
    STEP_KINDS,
    Action,
    ForgedCallback,
    ForgedRequest,
    SignIn,
    Step,
    Together,
)

SITE = {"fqdn": "access.example.com", "nodes": {"node1": "10.20.1.1"}}

STEPS: dict[str, tuple[dict[str, Any], Step]] = {
    "sign-in": (
        {"device": "pixel", "sign_in": "a", "requests": 3},
        SignIn(device="pixel", sign_in="a", requests=3),
    ),
    "sign-in of several": (
        {"device": ["pixel", "galaxy"], "sign_in": "a"},
        SignIn(device=("pixel", "galaxy"), sign_in="a"),
    ),
    "forged request": (
        {"attacker": "eve", "request": "node1:443", "headers": {"RemotePort": "1"}},
        ForgedRequest(attacker="eve", request="node1:443", headers={"RemotePort": "1"}),
    ),
    "forged call-back": (
        {"attacker": "eve", "call_back": "node1:5263", "key": "wrong"},
        ForgedCallback(attacker="eve", call_back="node1:5263", key="wrong"),
    ),
    "together": (
        {"together": [{"device": "pixel", "sign_in": "a"}]},
        Together(together=(SignIn(device="pixel", sign_in="a"),)),
    ),
}


@pytest.mark.parametrize(("data", "step"), STEPS.values(), ids=STEPS)
def test_reads_each_kind_of_step(data: dict[str, Any], step: Step) -> None:
    """The key that says what happens decides."""
    scenario = Scenario.model_validate({"scenario": "x", "site": SITE, "steps": [data]})

    assert scenario.steps == (step,)


@pytest.mark.parametrize("step", [step for _, step in STEPS.values()], ids=STEPS)
def test_takes_steps_made_in_python(step: Step) -> None:
    """A program builds scenarios too."""
    scenario = Scenario.model_validate({"scenario": "x", "site": SITE, "steps": (step,)})

    assert scenario.steps == (step,)


@pytest.mark.parametrize(
    "step", [{}, {"device": "pixel"}, "wait", {"together": [{"together": []}]}]
)
def test_refuses_other_steps(step: object) -> None:
    """A step without the key of a kind, and a group within a group."""
    with pytest.raises(ValidationError, match="a step with a sign_in"):
        Scenario.model_validate({"scenario": "x", "site": SITE, "steps": [step]})


def test_every_kind_has_a_key_of_its_own() -> None:
    """Two kinds with one key could not be told apart, and a kind without its key could not be written."""
    assert len(set(STEP_KINDS)) == len(STEP_KINDS)
    assert all(kind.kind in kind.model_fields for kind in (*get_args(Action), Together))
