"""The command `site-template`: a site file as a capture shows it."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from harness.cli.complaint import Complaint, read_file
from harness.cli.exit_code import ExitCode


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `site-template`."""
    template = commands.add_parser(
        "site-template",
        allow_abbrev=False,
        help="propose a site file for a capture of others",
        description="Propose a site file from what a capture shows, with the packets that show it as comments.",
    )
    template.add_argument("capture", metavar="FILE", help="pcapng or pcap (gzip too)")
    template.add_argument(
        "--keylog", metavar="FILE", help="TLS secrets (NSS key log), beside those inside"
    )
    template.set_defaults(command=propose_site)


def propose_site(options: argparse.Namespace) -> ExitCode:
    """Print the proposal."""
    from harness.decode.decode import decode
    from harness.report.site_proposal import propose
    from harness.report.site_yaml import build_site_yaml

    key_log = read_file(Path(options.keylog)) if options.keylog else b""
    trace = decode(io.BytesIO(read_file(Path(options.capture))), key_log=key_log)
    if not trace.packets:
        problems = "; ".join(damage.message for damage in trace.damage) or "it is empty"
        raise Complaint(f"{options.capture}: no packet could be read: {problems}")
    print(build_site_yaml(propose(trace), name=Path(options.capture).name), end="")
    return ExitCode.AS_EXPECTED
