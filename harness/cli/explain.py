"""`harness replay FILE --explain DEVICE`: how each call-back of one device or user came about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.complaint import Complaint, unreadable
from harness.cli.exit_code import ExitCode, code_of, worst
from harness.cli.keys import Keys
from harness.report.terminal import tell_briefly
from harness.site.problem import choose

if TYPE_CHECKING:
    from harness.site.site import Site

SHOWN = 20
"""Names told where none was near."""


def explain_captures(
    files: Sequence[Path], wanted: str, site: Site | None, keys: Keys, *, as_json: bool
) -> ExitCode:
    """Print the chains of one device, address or user in each capture, then the verdict in one line.

    Raises:
        Complaint: a capture knows nobody of that name, or cannot be read.
    """
    from harness.checks.provenance import Directory, find_chains, find_uncalled
    from harness.replay import examine
    from harness.report.provenance import chains_json, tell_chains

    codes = []
    for file in files:
        try:
            with file.open("rb") as stream:
                verdict, case = examine(stream, site=site, key_log=keys.log, rsa_keys=keys.rsa)
        except OSError as error:
            raise unreadable(file, error) from error
        if case is None:
            reason = next((r.reason for r in verdict.results if r.reason), "it shows no site")
            raise Complaint(f"{file}: nothing to explain: {reason}")
        chains, uncalled = find_chains(case), find_uncalled(case)
        directory = Directory(case, (*chains, *uncalled))
        if not directory.knows(wanted):
            known = _tell_known(directory.names, wanted)
            raise Complaint(f"{file}: got --explain {wanted}; expected a device or user: {known}")
        found = [chain for chain in chains if directory.concerns(chain, wanted)]
        # Where nothing was asked, what the service was told says why.
        others = [] if found else [one for one in uncalled if directory.concerns(one, wanted)]
        if as_json:
            print(chains_json(wanted, found or others, verdict=verdict.outcome.value), flush=True)
        else:
            print(tell_chains(wanted, found, others))
            print(tell_briefly(verdict, name=str(file)), flush=True)
        codes.append(code_of(verdict))
    return worst(codes)


def _tell_known(names: tuple[str, ...], wanted: str) -> str:
    told = choose(names, wanted)
    if not told.startswith("one of") or len(names) <= SHOWN:
        return told
    # Names first: of addresses there may be thousands.
    return f"one of {', '.join(names[:SHOWN])}, and {len(names) - SHOWN} more"
