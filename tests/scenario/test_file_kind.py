"""File kind: a mix-up is told as one."""

from __future__ import annotations

import pytest

from harness.scenario.file_kind import FileKind, find_kind_problem

SCENARIO, SITE, PAGE = FileKind.SCENARIO, FileKind.SITE, FileKind.PAGE


@pytest.mark.parametrize(
    ("data", "wanted", "told"),
    [
        ({"fqdn": "a"}, SCENARIO, "got a site file; expected a scenario; --site takes site files"),
        ({"node": "a"}, SITE, "got a settings page; expected a site file; harness settings takes"),
        (
            {"scenario": "a", "site": {}},
            PAGE,
            "got a scenario; expected a settings page; harness run",
        ),
        (["a"], PAGE, 'got ["a"]; expected a mapping such as node: node1'),
        (None, SITE, "got null; expected a mapping such as fqdn: access.example.com"),
    ],
)
def test_another_kind(data: object, wanted: FileKind, told: str) -> None:
    """What it is, what was wanted, and where it belongs."""
    problem = find_kind_problem(data, wanted)  # type: ignore[arg-type]

    assert told in str(problem)


@pytest.mark.parametrize("data", [{}, {"scenaro": "x"}, {"scenario": "x", "fqdn": "a"}], ids=str)
def test_a_scenario_with_mistakes_is_one(data: dict[str, object]) -> None:
    """A key that is missing, mistyped or too many is told by name."""
    assert find_kind_problem(data, SCENARIO) is None
