"""Defects that are switched on and checks that are foreseen: they exist."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checks import registry
from harness.scenario.expectation_consistency import CHECKS, find_expectation_problems
from harness.scenario.scenario import Scenario

BASE: dict[str, Any] = {
    "scenario": "x",
    "site": {"fqdn": "access.example.com", "nodes": {"node1": "10.20.1.1"}},
    "devices": {"phone": {"user": "user{n}@example.com", "count": 2}},
}

PROBLEMS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown defect": ({"defects": ["F00"]}, "$.defects[0]"),
    "a defect twice": ({"defects": ["F15", "F15"]}, "$.defects[1]"),
    "fail without findings": ({"expect": {"verdict": "fail"}}, "$.expect.findings"),
    "a stranger signs in": (
        {"expect": {"signed_in": {"moto": "a@b.c"}}},
        "$.expect.signed_in.moto",
    ),
    "unknown and findings": (
        {"expect": {"verdict": "unknown", "findings": ["V01"]}},
        "$.expect.verdict",
    ),
    "completeness cannot fail": (
        {"expect": {"verdict": "fail", "findings": ["completeness"]}},
        "$.expect.findings[0]",
    ),
}


@pytest.mark.parametrize(("changes", "path"), PROBLEMS.values(), ids=PROBLEMS)
def test_finds(changes: dict[str, Any], path: str) -> None:
    """One mistake, one problem, at its place."""
    (problem,) = find_expectation_problems(Scenario.model_validate(BASE | changes))

    assert str(problem).startswith(f"{path}: got ")


def test_check_ids_are_those_of_the_registry() -> None:
    """Every check that can fail can be expected; completeness is never worse than unknown."""
    assert tuple(check.id for check in registry.CHECKS if check.id != "completeness") == CHECKS
