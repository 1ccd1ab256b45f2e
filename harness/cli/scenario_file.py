"""Scenario and site files on disk: read, and every problem turned into a complaint."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from harness.cli.complaint import Complaint, read_text

if TYPE_CHECKING:
    from harness.scenario.scenario import Scenario
    from harness.site.site import Site

T = TypeVar("T")
_SCENARIO_KEY = re.compile(r"""^(["']?)scenario\1[ \t]*:""", re.MULTILINE)
_SITE_KEY = re.compile(r"""^(["']?)fqdn\1[ \t]*:""", re.MULTILINE)


def is_site(text: str) -> bool:
    """Whether a YAML text is a site file: the key `fqdn` at its top level, and no `scenario`."""
    return _SITE_KEY.search(text) is not None and not is_scenario(text)


def is_scenario(text: str) -> bool:
    """Whether a YAML text has the key `scenario` at its top level: cheap, without reading the YAML."""
    return _SCENARIO_KEY.search(text) is not None


def load_scenario_file(file: Path) -> tuple[Scenario, str]:
    """One scenario, and its text as written.

    Raises:
        Complaint: with every problem of the file.
    """
    from harness.scenario.yaml import ScenarioError, load_scenario

    text = read_text(file)
    try:
        # A site file is named relative to the scenario that names it.
        read = file.parent.joinpath
        scenario = load_scenario(
            text, name=str(file), read=lambda name: read(name).read_text("utf-8")
        )
    except ScenarioError as error:
        raise Complaint(str(error)) from error
    return scenario, text


def load_scenario_files(files: Sequence[Path]) -> dict[Path, tuple[Scenario, str]]:
    """All of them, or the problems of all of them.

    Raises:
        Complaint: with every problem of every file.
    """
    return _load_each(files, load_scenario_file)


def load_any_files(files: Sequence[Path]) -> dict[Path, Scenario | Site]:
    """All of them, each what it is; or the problems of all of them.

    Raises:
        Complaint: with every problem of every file.
    """
    return _load_each(
        files, lambda f: load_site_file(f) if is_site(read_text(f)) else load_scenario_file(f)[0]
    )


def _load_each(files: Sequence[Path], load: Callable[[Path], T]) -> dict[Path, T]:
    loaded: dict[Path, T] = {}
    problems: list[str] = []
    for file in files:
        try:
            loaded[file] = load(file)
        except Complaint as complaint:
            problems.append(str(complaint))
    if problems:
        # A line of its own, so that each problem's line begins with its place, as editors want it.
        count = sum(len(told.splitlines()) for told in problems)
        listed = "\n".join(problems)
        raise Complaint(f"{count} problem{'' if count == 1 else 's'}, nothing was run\n{listed}")
    return loaded


def load_site_file(file: Path) -> Site:
    """The site of a site file, or of a scenario file.

    Raises:
        Complaint: with every problem of the file.
    """
    from harness.scenario.yaml import ScenarioError, load_site

    text = read_text(file)
    if is_scenario(text):
        return load_scenario_file(file)[0].site
    try:
        return load_site(text, name=str(file))
    except ScenarioError as error:
        raise Complaint(str(error)) from error
