"""How a file's problems are told."""

from __future__ import annotations

from harness.scenario.error import FileProblem, ScenarioError


def _problem(line: int, path: str = "$.a") -> FileProblem:
    return FileProblem(file="f.yaml", line=line, column=7, path=path, found="1", expected="2")


def test_one_line_for_each_in_the_order_of_the_file() -> None:
    """Editors can jump to FILE:LINE:COLUMN."""
    error = ScenarioError((_problem(12), _problem(3)))

    assert str(error) == "f.yaml:3:7: $.a: got 1; expected 2\nf.yaml:12:7: $.a: got 1; expected 2"


def test_no_path_where_there_is_no_data() -> None:
    """Text that is no YAML has only a place."""
    assert str(_problem(1, path="")) == "f.yaml:1:7: got 1; expected 2"
