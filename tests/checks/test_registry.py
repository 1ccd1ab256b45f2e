"""All checks together: each seeded defect fails exactly its checks, and what is right fails none."""

from __future__ import annotations

import pytest

from harness.checks.registry import CHECKS
from harness.scenario.defect import DEFECTS, Defect
from tests.checks.examining import failing
from tests.defect_traces import DEFECTIVE, WITHSTOOD


def test_the_checks_are_those_of_the_catalogue() -> None:
    """One check for each promise, in the order of the report."""
    expected = ["completeness", "V01", "V05", "V06", "V07", "V08", "V09", "V11", "V14", "V15"]

    assert [check.id for check in CHECKS] == expected
    assert [check.id for check in CHECKS if not check.needs] == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d.id)
def test_a_defect_fails_exactly_its_checks(defect: Defect) -> None:
    """The kill matrix: no check too few, none too many, none UNKNOWN."""
    assert failing(DEFECTIVE[defect.id]()) == defect.caught_by


@pytest.mark.parametrize("name", WITHSTOOD, ids=str)
def test_an_attack_withstood_fails_nothing(name: str) -> None:
    """The same situation without the defect passes."""
    assert failing(WITHSTOOD[name]()) == ()


def test_every_check_kills_a_defect_that_no_other_kills_or_says_why_not() -> None:
    """A check that adds nothing is found out; V01's own defects (F01 F07) are not switches yet."""
    alone = {defect.caught_by[0] for defect in DEFECTS if len(defect.caught_by) == 1}
    ids = {check.id for check in CHECKS}

    assert ids - alone == {"completeness", "V01", "V07", "V14"}
