"""Commands about this machine: can it run scenarios at all?"""

from __future__ import annotations

import argparse
import dataclasses
import json

from harness.cli.exit_code import ExitCode


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `doctor`."""
    doctor = commands.add_parser(
        "doctor",
        allow_abbrev=False,
        help="prove what this machine can do",
        description="Build a small network and record it, to prove which mode works here.",
    )
    doctor.add_argument("--json", action="store_true", help="print the diagnosis as JSON")
    doctor.set_defaults(command=diagnose)


def diagnose(options: argparse.Namespace) -> ExitCode:
    """Prove it by doing; without a mode that works the exit code says so."""
    from harness.world.wire.doctor import probe

    diagnosis = probe()
    if options.json:
        print(json.dumps(dataclasses.asdict(diagnosis), sort_keys=True))
    else:
        print("\n".join(diagnosis.lines))
    return ExitCode.ENVIRONMENT if diagnosis.mode is None else ExitCode.AS_EXPECTED
