"""The settings file: the page of one node as YAML, each row with what it means."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from functools import cache

from harness.scenario.document import parse_document
from harness.scenario.error import ScenarioError
from harness.scenario.file_kind import FileKind, find_kind_problem
from harness.scenario.schema import DIALECT, Guide
from harness.scenario.shape import shape
from harness.site.host_name import is_host_name
from harness.site.node_page import NodePage
from harness.site.page_problems import find_page_problems
from harness.site.problem import Problem, show
from harness.site.site import Site

_WIDTH = 100
_ONLY_IN_B = ("enabled", "remote_ip_source", "cert_proxy_instances")


def build_settings_file(page: NodePage) -> str:
    """The page as a file, with a line break at its end. Rows that this generation does not have are left out."""
    return "\n".join(_lines(page)) + "\n"


def load_settings_file(text: str, *, name: str, site: Site | None = None) -> NodePage:
    """Read a settings file.

    Args:
        text: the file.
        name: its name, for messages.
        site: the site of the node; None: any host name can be a destination.

    Raises:
        ScenarioError: with every problem, its line and its column.
    """
    document = parse_document(text, name=name)
    other = find_kind_problem(document.data, FileKind.PAGE)
    if other is not None:
        raise ScenarioError((document.problem(other.path, other.found, other.expected),))
    shaped = shape(document.data, NodePage, _guide())
    problems = list(shaped.problems)
    page = shaped.model
    if page is not None:
        found = find_page_problems(site or _stand_in(page), page, (), is_built=False)
        problems += shaped.news(found)
        if site is not None and page.node not in site.nodes:
            expected = f"a node of the site: {', '.join(site.nodes)}"
            problems.append(Problem(path=("node",), found=show(page.node), expected=expected))
    if problems:
        raise ScenarioError(
            tuple(document.problem(p.path, p.found, p.expected, at_key=p.at_key) for p in problems)
        )
    assert page is not None
    return page


@cache
def _guide() -> Guide:
    return Guide({"$schema": DIALECT, **NodePage.model_json_schema(by_alias=True)})


def _stand_in(page: NodePage) -> Site:
    """A site in which whatever the page names can be."""
    name = page.destination
    names = {name: "192.0.2.2"} if is_host_name(name) and name != page.node else {}
    site = {"fqdn": "access.invalid", "nodes": {page.node or "node": "192.0.2.1"}, "names": names}
    return Site.model_validate(site)


def _lines(page: NodePage) -> Iterator[str]:
    yield f"# The cert-proxy settings page of {page.node}."
    yield f"node: {json.dumps(page.node)}"
    for row, field in NodePage.model_fields.items():
        if row in ("node", "ports") or (page.generation == "A" and row in _ONLY_IN_B):
            continue
        yield ""
        yield from _comment(field.description or "")
        yield f"{row}: {_value(getattr(page, row))}"
    yield ""
    yield from _comment(NodePage.model_fields["ports"].description or "")
    yield "ports:"
    for port in page.ports:
        rows = ", ".join(f"{row}: {_value(value)}" for row, value in port)
        yield f"  - {{{rows}}}"


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(" ".join(text.split()), _WIDTH - 2):
        yield f"# {line}"


def _value(value: object) -> str:
    """Text in double quotes: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)
