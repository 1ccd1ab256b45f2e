"""Commands about scenario and site files: check them, and print their schema."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from harness.cli.exit_code import ExitCode
from harness.cli.file_list import SCENARIO_ENDINGS, expand
from harness.cli.scenario_file import load_any_files


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `check` and `schema`."""
    check = commands.add_parser(
        "check",
        allow_abbrev=False,
        help="read scenarios and sites, list every problem and what settings will do",
        description="Read each scenario or site and run nothing: every problem with its file, line and column, and "
        "every setting that is legal and probably not meant, with what it will do on the wire (docs/preflight.md).",
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="a YAML file, or a folder of them")
    check.add_argument("--strict", action="store_true", help="exit code 1 where there is a warning")
    check.set_defaults(command=check_files)

    schema = commands.add_parser(
        "schema",
        allow_abbrev=False,
        help="print the JSON Schema of scenario files",
        description="Print the JSON Schema of scenario files, for editors.",
    )
    schema.set_defaults(command=print_schema)


def check_files(options: argparse.Namespace) -> ExitCode:
    """Read every scenario and site named; what is legal and probably not meant is told with what it will do."""
    from harness.scenario.certificate_hazards import find_certificate_hazards
    from harness.site.hazard import Hazard
    from harness.site.site import Site
    from harness.site.site_hazards import find_hazards

    files = expand(options.files, SCENARIO_ENDINGS)
    loaded = load_any_files(files)
    found: dict[Path, list[Hazard]] = {}
    for file, one in loaded.items():
        if isinstance(one, Site):
            found[file] = list(find_hazards(one))
        else:
            found[file] = [*find_hazards(one.site), *find_certificate_hazards(one)]
    hazards = [(file, hazard) for file in files for hazard in found[file]]
    for file, hazard in hazards:
        print(f"{file}: warning: {hazard}")
    sites = sum(isinstance(one, Site) for one in loaded.values())
    counts = [_count(len(loaded) - sites, "scenario"), _count(sites, "site")]
    told = _count(len(hazards), "warning") or "no warning"
    print(f"{' and '.join(filter(None, counts))}, no problem, {told}")
    is_wrong = options.strict and hazards
    return ExitCode.NOT_AS_EXPECTED if is_wrong else ExitCode.AS_EXPECTED


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


def print_schema(_options: argparse.Namespace) -> ExitCode:
    """Print the schema."""
    from harness.scenario.schema import build_schema

    print(json.dumps(build_schema(), indent=2, sort_keys=True, ensure_ascii=False))
    return ExitCode.AS_EXPECTED
