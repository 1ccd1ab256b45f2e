"""Scenarios that are left out: those of a folder whose real balancers cannot run on this machine.

A file that is named itself is not left out but refused: whoever names it wants it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from harness.cli.complaint import Complaint
from harness.cli.exit_code import ExitCode
from harness.run import find_missing
from harness.scenario.scenario import Scenario
from harness.world.job import WorldError
from harness.world.wire.choice import Wanted


def leave_out(
    loaded: MutableMapping[Path, tuple[Scenario, str]], *, named: Sequence[str], wire: Wanted
) -> tuple[str, ...]:
    """Take out what cannot be run here, and say so in a line for each reason.

    Args:
        loaded: scenarios by their files; those left out are taken away.
        named: what stands on the command line.
        wire: what carries the packets.

    Raises:
        Complaint: a scenario that was named itself, or all there are, cannot be run here.
    """
    missing: dict[Path, str] = {}
    for file, (scenario, _) in loaded.items():
        try:
            reason = find_missing(scenario, wire)
        except WorldError as error:
            raise Complaint(f"{error}; nothing was run", ExitCode.ENVIRONMENT) from error
        if reason is not None:
            missing[file] = reason
    asked = {Path(name) for name in named}
    if refused := next(
        (file for file in missing if file in asked or len(missing) == len(loaded)), None
    ):
        raise Complaint(f"{refused}: {missing[refused]}; nothing was run", ExitCode.ENVIRONMENT)
    total = len(loaded)
    for file in missing:
        del loaded[file]
    counts = Counter(missing.values())
    return tuple(f"left out: {n} of {total} scenarios: {reason}" for reason, n in counts.items())
