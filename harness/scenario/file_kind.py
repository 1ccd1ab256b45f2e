"""File kind: what a YAML file is, by a key that only this kind has: a mix-up is one problem, and not twenty."""

from __future__ import annotations

from enum import StrEnum

from harness.scenario.document import Data
from harness.site.problem import Problem, show


class FileKind(StrEnum):
    """In words for the user."""

    SCENARIO = "a scenario"
    SITE = "a site file"
    PAGE = "a settings page"


_KEYS = {FileKind.SCENARIO: "scenario", FileKind.SITE: "fqdn", FileKind.PAGE: "node"}
"""No other kind has this key at its top level."""
_EXAMPLES = {
    FileKind.SCENARIO: "scenario: ...",
    FileKind.SITE: "fqdn: access.example.com",
    FileKind.PAGE: "node: node1",
}
_USES = {
    FileKind.SCENARIO: "harness run takes scenarios",
    FileKind.SITE: "--site takes site files, and so does site: of a scenario",
    FileKind.PAGE: "harness settings takes settings pages",
}


def find_kind_problem(data: Data, wanted: FileKind) -> Problem | None:
    """The one problem of a file that is something else; None: it may be what is wanted."""
    if not isinstance(data, dict):
        expected = f"a mapping such as {_EXAMPLES[wanted]}"
        return Problem(path=(), found=show(data), expected=expected)
    if _KEYS[wanted] in data:
        return None
    for kind, key in _KEYS.items():
        if key in data:
            return Problem(path=(), found=kind.value, expected=f"{wanted.value}; {_USES[kind]}")
    return None
