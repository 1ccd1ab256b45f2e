"""Commands about cert-proxy settings: show the page of a node, check, compare and clone pages."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.complaint import Complaint, read_text
from harness.cli.exit_code import ExitCode
from harness.cli.scenario_file import is_scenario, is_site, load_site_file

if TYPE_CHECKING:
    from harness.site.node_page import NodePage
    from harness.site.site import Site

ENDING = ".settings.yaml"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `settings` and its own commands."""
    settings = commands.add_parser(
        "settings",
        allow_abbrev=False,
        help="show, check, compare and clone the cert-proxy settings of nodes",
        description="The cert-proxy settings page of each node as a file (docs/settings.md).",
    )
    own = settings.add_subparsers(title="commands", metavar="COMMAND", required=True)
    source = "a settings file, or a site or scenario file"
    show = own.add_parser("show", allow_abbrev=False, help="print the page of a node")
    show.add_argument("file", metavar="FILE", type=Path, help=source)
    show.add_argument("--node", help="which node of a site (without: every node)")
    show.add_argument(
        "--output", metavar="DIR", type=Path, help=f"write DIR/NODE{ENDING} for each node instead"
    )
    show.set_defaults(command=show_pages)
    check = own.add_parser("check", allow_abbrev=False, help="read pages and list every problem")
    check.add_argument("files", nargs="+", metavar="FILE", type=Path, help="settings files")
    check.add_argument(
        "--site", type=Path, help="their site: also tells what the pages will do there"
    )
    check.set_defaults(command=check_pages)
    diff = own.add_parser(
        "diff", allow_abbrev=False, help="compare pages; exit code 1: they differ"
    )
    diff.add_argument(
        "files", nargs="+", metavar="FILE", type=Path, help=f"{source}, with all nodes"
    )
    diff.set_defaults(command=diff_pages)
    clone = own.add_parser("clone", allow_abbrev=False, help="print the page of a clone of a node")
    clone.add_argument("file", metavar="FILE", type=Path, help=source)
    clone.add_argument("--node", help="which node of a site is copied")
    clone.add_argument("--to", required=True, metavar="NODE", help="the node that is made")
    clone.set_defaults(command=clone_page)
    key = own.add_parser(
        "copy-key", allow_abbrev=False, help="print the page with one key copied to the other"
    )
    key.add_argument("file", metavar="FILE", type=Path, help=source)
    key.add_argument("--node", help="which node of a site")
    key.add_argument(
        "--from",
        dest="source",
        required=True,
        choices=("cert_proxy", "access"),
        help="whose key stays",
    )
    key.set_defaults(command=copy_key)


def show_pages(options: argparse.Namespace) -> ExitCode:
    """Print or write the pages."""
    from harness.scenario.settings_file import build_settings_file

    pages, _ = _load(options.file, options.node)
    for number, page in enumerate(pages):
        text = build_settings_file(page)
        if options.output is None:
            print("---\n" * bool(number) + text, end="")
            continue
        file = options.output / f"{page.node}{ENDING}"
        try:
            options.output.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Complaint(f"{file}: cannot be written: {error.strerror}") from error
        print(file)
    return ExitCode.AS_EXPECTED


def check_pages(options: argparse.Namespace) -> ExitCode:
    """List every problem of every page; with a site also what they will do."""
    from harness.site.node_page import put_pages
    from harness.site.site_hazards import find_hazards

    site = load_site_file(options.site) if options.site is not None else None
    pages = _load_files(options.files, site)
    if site is not None:
        try:
            site = put_pages(site, pages)
        except ValueError as error:
            raise Complaint(str(error)) from error
        for hazard in find_hazards(site):
            print(f"warning: {hazard}")
    print(f"{len(pages)} page{'' if len(pages) == 1 else 's'}, no problem")
    return ExitCode.AS_EXPECTED


def diff_pages(options: argparse.Namespace) -> ExitCode:
    """Name each row that differs, and the nodes that differ."""
    from harness.site.node_page import find_differences

    pages = [page for file in options.files for page in _load(file, None)[0]]
    if len(pages) < 2:
        raise Complaint("got 1 page; expected two or more to compare")
    names = [page.node for page in pages]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise Complaint(f"got two pages of {', '.join(doubles)}; expected each node once")
    differences = tuple(find_differences(pages))
    for difference in differences:
        for node, value in difference.others:
            print(
                f"{node}: {difference.row}: {_show(value)}, but the others: {_show(difference.usual)}"
            )
    print(
        f"{len(pages)} pages, {len(differences) or 'no'} row{'' if len(differences) == 1 else 's'} differ"
    )
    return ExitCode.NOT_AS_EXPECTED if differences else ExitCode.AS_EXPECTED


def clone_page(options: argparse.Namespace) -> ExitCode:
    """Print the page of a clone."""
    from harness.scenario.settings_file import build_settings_file
    from harness.site.node_page import clone

    page, site = _load_one(options)
    print(build_settings_file(clone(page, options.to, site=site)), end="")
    return ExitCode.AS_EXPECTED


def copy_key(options: argparse.Namespace) -> ExitCode:
    """Print the page with equal keys."""
    from harness.scenario.settings_file import build_settings_file
    from harness.site import node_page

    page, _ = _load_one(options)
    print(build_settings_file(node_page.copy_key(page, source=options.source)), end="")
    return ExitCode.AS_EXPECTED


def _load_one(options: argparse.Namespace) -> tuple[NodePage, Site | None]:
    pages, site = _load(options.file, options.node)
    if len(pages) > 1:
        nodes = ", ".join(page.node for page in pages)
        raise Complaint(f"{options.file}: got {len(pages)} nodes; expected --node, one of {nodes}")
    return pages[0], site


def _load(file: Path, node: str | None) -> tuple[tuple[NodePage, ...], Site | None]:
    """The pages of a file, and its site if it has one."""
    from harness.site.node_page import find_pages

    text = read_text(file)
    if not (is_site(text) or is_scenario(text)):
        return _load_files((file,), None), None
    site = load_site_file(file)
    pages = tuple(page for page in find_pages(site) if node in (None, page.node))
    if not pages:
        raise Complaint(f"--node: got {node!r}; expected one of {', '.join(site.nodes)}")
    return pages, site


def _load_files(files: Sequence[Path], site: Site | None) -> tuple[NodePage, ...]:
    from harness.scenario.settings_file import load_settings_file
    from harness.scenario.yaml import ScenarioError

    pages, problems = [], []
    for file in files:
        try:
            pages.append(load_settings_file(read_text(file), name=str(file), site=site))
        except ScenarioError as error:
            problems.append(str(error))
    if problems:
        count = sum(len(told.splitlines()) for told in problems)
        listed = "\n".join(problems)
        raise Complaint(f"{count} problem{'' if count == 1 else 's'}\n{listed}")
    return tuple(pages)


def _show(value: object) -> str:
    if isinstance(value, tuple):
        value = [row.model_dump(mode="json") for row in value]
    return json.dumps(value, ensure_ascii=False)
