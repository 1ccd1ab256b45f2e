"""Commands about this machine: which scenarios can it run, and how?"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

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
    """Prove it by doing. Where no live mode works that is exit code 4; scenarios then run simulated.

    Real balancers are named with their versions; without them the scenarios that need them are left out.
    """
    from harness.world.engine import tell_engines
    from harness.world.wire.choice import NOT_SHOWN, find_refusal

    facts: dict[str, object] = {"mode": None, "wire": "sim", "engines": tell_engines()}
    if sys.platform.startswith("linux"):
        from harness.world.wire.doctor import probe

        diagnosis = probe()
        facts |= dataclasses.asdict(diagnosis)
        lines = diagnosis.lines
    else:
        lines = (str(find_refusal()), "mode: none")
    if facts["mode"] is not None:
        facts["wire"] = "kernel"
    else:
        lines = (*lines, f"scenarios run simulated, in virtual time: {NOT_SHOWN}")
    lines = (*lines, *tell_engines())
    print(json.dumps(facts, sort_keys=True) if options.json else "\n".join(lines))
    return ExitCode.AS_EXPECTED if facts["mode"] is not None else ExitCode.ENVIRONMENT
