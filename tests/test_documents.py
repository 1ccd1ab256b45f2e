"""The deployment documents: every row is shown by a scenario, broken by a defect, and the defect is noticed."""

from __future__ import annotations

from functools import cache

import pytest

from harness.scenario.defect import DEFECTS
from harness.scenario.row import ROWS
from harness.scenario.scenario import Scenario
from tests.end_to_end.rows import DONE, RowState, build_table, find_states, load_all

OPEN: frozenset[str] = frozenset()
"""Rows that are not shown in every part yet: nothing may be added here."""


@cache
def _states() -> dict[str, RowState]:
    return {state.row: state for state in find_states(load_all())}


def test_both_documents_are_there() -> None:
    """15 rows on the settings, 9 on the certificates."""
    expected = [f"A{n:02}" for n in range(1, 16)] + [f"B{n:02}" for n in range(1, 10)]

    assert list(ROWS) == expected


@pytest.mark.parametrize("row", [row for row in ROWS if row not in OPEN])
def test_a_row_is_shown_and_broken(row: str) -> None:
    """At least one scenario without a defect, one with, and a check that notices it."""
    assert _states()[row].state == DONE


@pytest.mark.parametrize("row", ROWS)
def test_the_checks_of_a_row_are_those_of_its_defects(row: str) -> None:
    """What a scenario expects is what the defect says."""
    caught_by = {defect.id: set(defect.caught_by) for defect in DEFECTS}
    state = _states()[row]

    assert set(state.checks) == {check for d in state.defects for check in caught_by[d]}


def _scenario(**more: object) -> Scenario:
    site = {"fqdn": "access.example.com", "nodes": {"node1": "10.20.1.1"}}
    return Scenario.model_validate({"scenario": "x", "site": site, "rows": ["A03"], **more})


def test_a_gap_is_seen() -> None:
    """A row without a scenario, or with one that nothing breaks, is not done."""
    broken = _scenario(defects=["F57"], expect={"verdict": "fail", "findings": ["V15"]})
    cases = ({}, {"a": _scenario()}, {"b": broken}, {"a": _scenario(), "b": broken})
    told = [find_states(case)[2].state for case in cases]

    assert told == [
        "no scenario, no defect, no check",
        "no defect, no check",
        "no scenario",
        DONE,
    ]


def test_the_table_names_everything() -> None:
    """Row, state, statement, defects, checks and scenarios."""
    broken = _scenario(defects=["F57"], expect={"verdict": "fail", "findings": ["V15"]})
    (state,) = [s for s in find_states({"s/a": _scenario(), "s/b": broken}) if s.row == "A03"]

    assert build_table([state]).splitlines() == [
        f"A03  done        {ROWS['A03']}",
        "     defects F57; checks V15; 1 scenarios:",
        "     s/a",
    ]
