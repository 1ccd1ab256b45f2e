"""The seeded defects, and the scenarios that show each of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.scenario.defect import DEFECTS, Defect
from harness.scenario.expectation_consistency import CHECKS
from harness.scenario.scenario import Scenario
from harness.scenario.yaml import load_scenario

FOLDER = Path(__file__).parents[2] / "scenarios"
SCENARIOS = tuple(
    load_scenario(file.read_text(encoding="utf-8"), name=file.name)
    for file in sorted(FOLDER.rglob("*.yaml"))
)


def _situation(scenario: Scenario) -> str:
    """Everything but what is said about it."""
    return scenario.model_dump_json(exclude={"scenario", "rows", "defects", "expect"})


def _showing(defect: Defect) -> list[Scenario]:
    return [scenario for scenario in SCENARIOS if scenario.defects == (defect.id,)]


def test_ids_are_unique() -> None:
    """A name means one fault."""
    assert len({defect.id for defect in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_is_caught_by_known_checks(defect: Defect) -> None:
    """Each fault has a check that must find it."""
    assert defect.caught_by
    assert set(defect.caught_by) <= set(CHECKS)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_has_a_scenario_that_expects_exactly_its_checks(defect: Defect) -> None:
    """The fault alone, and what must fail."""
    shown = _showing(defect)

    assert {scenario.expect.verdict for scenario in shown} == {"fail"}
    assert {frozenset(s.expect.findings) for s in shown} == {frozenset(defect.caught_by)}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_has_the_same_situation_without_it(defect: Defect) -> None:
    """The default actors withstand what the fault lets through."""
    situations = {_situation(scenario) for scenario in _showing(defect)}
    twins = [
        scenario.expect.verdict
        for scenario in SCENARIOS
        if not scenario.defects and _situation(scenario) in situations
    ]

    assert set(twins) == {"pass"}


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_is_expected_somewhere(check: str) -> None:
    """A check that no scenario makes fail could be blind."""
    expected = {finding for scenario in SCENARIOS for finding in scenario.expect.findings}

    assert check in expected


def _not_seeded() -> dict[str, tuple[str, tuple[str, ...]]]:
    """The table of scenarios/README.md: failure to the reason and the tests."""
    found = {}
    for line in (FOLDER / "README.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0].startswith("F"):
            tests = tuple(re.findall("`([^`]+)`", cells[2]))
            found |= dict.fromkeys(cells[0].split(), (cells[1], tests))
    return found


def test_every_failure_that_packets_can_show_is_seeded_or_explained() -> None:
    """F01 to F92: a defect, or a reason; what is seeded is not explained away."""
    wanted = {f"F{number:02}" for number in range(1, 93)}
    seeded, explained = {d.id for d in DEFECTS} & wanted, set(_not_seeded())

    assert seeded | explained == wanted
    assert seeded & explained == set()


@pytest.mark.parametrize("failure", sorted(_not_seeded()))
def test_what_is_not_seeded_has_a_reason_and_tests(failure: str) -> None:
    """Files that exist."""
    reason, tests = _not_seeded()[failure]

    assert reason.endswith(".")
    assert [test for test in tests if not (FOLDER.parent / test).is_file()] == []
    assert tests
