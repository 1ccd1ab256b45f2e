"""Commands about scenario files: check them, and print their schema."""

from __future__ import annotations

import argparse
import json

from harness.cli.exit_code import ExitCode
from harness.cli.file_list import SCENARIO_ENDINGS, expand
from harness.cli.scenario_file import load_scenario_files


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `check` and `schema`."""
    check = commands.add_parser(
        "check",
        allow_abbrev=False,
        help="read scenario files and list every problem",
        description="Read each scenario and run nothing: every problem with its file, line and column.",
    )
    check.add_argument(
        "scenarios", nargs="+", metavar="SCENARIO", help="a YAML file, or a folder of them"
    )
    check.set_defaults(command=check_scenarios)

    schema = commands.add_parser(
        "schema",
        allow_abbrev=False,
        help="print the JSON Schema of scenario files",
        description="Print the JSON Schema of scenario files, for editors.",
    )
    schema.set_defaults(command=print_schema)


def check_scenarios(options: argparse.Namespace) -> ExitCode:
    """Read every scenario named; what is legal and probably not meant is a warning."""
    from harness.site.preflight import find_warnings

    loaded = load_scenario_files(expand(options.scenarios, SCENARIO_ENDINGS))
    for file, (scenario, _) in loaded.items():
        for warning in find_warnings(scenario.site):
            print(f"{file}: warning: {warning}")
    print(f"{len(loaded)} scenario{'' if len(loaded) == 1 else 's'}, no problem")
    return ExitCode.AS_EXPECTED


def print_schema(_options: argparse.Namespace) -> ExitCode:
    """Print the schema."""
    from harness.scenario.schema import build_schema

    print(json.dumps(build_schema(), indent=2, sort_keys=True, ensure_ascii=False))
    return ExitCode.AS_EXPECTED
