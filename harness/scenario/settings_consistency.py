"""Whether the steps of an administrator fit their scenario: nodes that exist, pages that can be."""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenario.scenario import Scenario
from harness.scenario.step import ALL_NODES, CloneNode, EditSettings, Probe, Restart, SaveSettings
from harness.site.page_problems import find_page_problems
from harness.site.problem import Path, Problem, choose, show


def find_settings_problems(
    path: Path,
    step: Restart | Probe | EditSettings | SaveSettings | CloneNode,
    scenario: Scenario,
) -> Iterator[Problem]:
    """Everything that is wrong with one of these steps; `path` is its place in the file."""
    match step:
        case Restart():
            if step.restart not in scenario.site.balancers:
                yield from _node((*path, "restart"), step.restart, scenario)
        case Probe():
            known = scenario.site.balancers
            if step.probe not in known:
                expected = f"a balancer: {choose(known, step.probe)}"
                yield Problem(path=(*path, "probe"), found=show(step.probe), expected=expected)
        case EditSettings():
            yield from _node((*path, "edit"), step.edit, scenario)
            yield from _page(path, step, scenario)
        case SaveSettings():
            yield from _node((*path, "save"), step.save, scenario)
        case CloneNode():
            yield from _node((*path, "clone"), step.clone, scenario, may_be_all=False)
            yield from _node((*path, "to"), step.to, scenario, may_be_all=False)
            if step.clone == step.to:
                yield Problem(
                    path=(*path, "to"), found=show(step.to), expected="another node than `clone`"
                )


def _page(path: Path, step: EditSettings, scenario: Scenario) -> Iterator[Problem]:
    """What the page would say after this change alone."""
    site = scenario.site
    if not step.page.rows:
        yield Problem(path=(*path, "page"), found="{}", expected="at least one row that changes")
    nodes = tuple(site.nodes) if step.edit == ALL_NODES else (step.edit,)
    for node in nodes[:1] if set(nodes) <= set(site.nodes) else ():
        changed = step.page.apply(site.page(node))
        for problem in find_page_problems(site, changed, (*path, "page")):
            if str(problem.path[len(path) + 1]) in step.page.rows:
                yield problem


def _node(
    path: Path, name: str, scenario: Scenario, *, may_be_all: bool = True
) -> Iterator[Problem]:
    nodes = scenario.site.nodes
    if name in nodes or (may_be_all and name == ALL_NODES):
        return
    known = (*nodes, ALL_NODES) if may_be_all else tuple(nodes)
    yield Problem(path=path, found=show(name), expected=f"a node: {choose(known, name)}")
