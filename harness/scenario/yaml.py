"""Scenario and site files: from YAML text to a `Scenario` or a `Site`, or to every problem at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from harness.scenario import consistency, fleet
from harness.scenario.document import Data, Document, parse_document
from harness.scenario.error import FileProblem, ScenarioError
from harness.scenario.file_kind import FileKind, find_kind_problem
from harness.scenario.scenario import Scenario
from harness.scenario.schema import Guide, scenario_guide, site_guide
from harness.scenario.shape import Shaped, shape
from harness.site import preflight
from harness.site.model import Model
from harness.site.problem import Problem, show
from harness.site.site import Site

__all__ = ["ScenarioError", "load_scenario", "load_site"]

M = TypeVar("M", bound=Model)

Read = Callable[[str], str]
"""From the name of a file, as a scenario writes it, to its text; raises OSError."""


def load_scenario(text: str, *, name: str, read: Read | None = None) -> Scenario:
    """Read a scenario file.

    Args:
        text: the file.
        name: its name, for messages.
        read: reads the site file that `site:` may name; None: no site files.

    Raises:
        ScenarioError: with every problem, its line and its column.
    """
    document = parse_document(text, name=name)
    site_document = _find_site_document(document, read)
    data = document.data
    if site_document is not None and isinstance(data, dict):
        data = {**data, "site": site_document.data}
    shaped = _shape(data, Scenario, scenario_guide(), FileKind.SCENARIO)
    problems = list(shaped.problems)
    if shaped.model is not None:
        site_problems = (_below_site(p) for p in preflight.find_problems(shaped.model.site))
        problems += shaped.news((*site_problems, *consistency.find_problems(shaped.model)))
    if problems:
        raise ScenarioError(tuple(_place(problem, document, site_document) for problem in problems))
    assert shaped.model is not None
    return fleet.expand(shaped.model)


def load_site(text: str, *, name: str) -> Site:
    """Read a site file, for judging captures of others: what need not be built need not be buildable.

    Raises:
        ScenarioError: with every problem, its line and its column.
    """
    document = parse_document(text, name=name)
    shaped = _shape(document.data, Site, site_guide(), FileKind.SITE)
    problems = list(shaped.problems)
    if shaped.model is not None:
        problems += shaped.news(preflight.find_problems(shaped.model, is_built=False))
    if problems:
        raise ScenarioError(tuple(_place(problem, document, None) for problem in problems))
    assert shaped.model is not None
    return shaped.model


def _shape(data: Data, model: type[M], guide: Guide, kind: FileKind) -> Shaped[M]:
    problem = find_kind_problem(data, kind)
    if problem is not None:
        return Shaped(model=None, problems=(problem,))
    return shape(data, model, guide)


def _find_site_document(document: Document, read: Read | None) -> Document | None:
    """The site file that a scenario names, if it names one."""
    data = document.data
    named = data.get("site") if isinstance(data, dict) else None
    if not isinstance(named, str):
        return None
    if read is None:
        expected = "the site itself: no site files can be read here"
        raise ScenarioError((document.problem(("site",), show(named), expected),))
    try:
        text = read(named)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        expected = f"the name of a site file, or the site itself ({reason})"
        raise ScenarioError((document.problem(("site",), show(named), expected),)) from error
    return parse_document(text, name=named)


def _below_site(problem: Problem) -> Problem:
    return Problem(
        path=("site", *problem.path),
        found=problem.found,
        expected=problem.expected,
        at_key=problem.at_key,
    )


def _place(problem: Problem, document: Document, site: Document | None) -> FileProblem:
    if site is not None and problem.path[:1] == ("site",):
        return site.problem(
            problem.path[1:], problem.found, problem.expected, at_key=problem.at_key
        )
    return document.problem(problem.path, problem.found, problem.expected, at_key=problem.at_key)
