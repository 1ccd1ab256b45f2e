"""The command `site-template`: a site file as a capture shows it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.complaint import Complaint, unreadable
from harness.cli.exit_code import ExitCode
from harness.cli.keys import Keys, add_keys, read_keys

if TYPE_CHECKING:
    from harness.trace.trace import Trace


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `site-template`."""
    template = commands.add_parser(
        "site-template",
        allow_abbrev=False,
        help="propose a site file for a capture of others",
        description="Propose a site file from what a capture shows, with the packets that show it as comments.",
    )
    template.add_argument("capture", metavar="FILE", help="pcapng or pcap (gzip too)")
    add_keys(template)
    template.set_defaults(command=propose_site)


def propose_site(options: argparse.Namespace) -> ExitCode:
    """Print the proposal."""
    from harness.report.site_proposal import propose
    from harness.report.site_yaml import build_site_yaml

    trace = read_connections(Path(options.capture), read_keys(options))
    if not trace.packets:
        problems = "; ".join(damage.message for damage in trace.damage) or "it is empty"
        raise Complaint(f"{options.capture}: no packet could be read: {problems}")
    print(build_site_yaml(propose(trace), name=Path(options.capture).name), end="")
    return ExitCode.AS_EXPECTED


def read_connections(capture: Path, keys: Keys) -> Trace:
    """All connections of a capture; of a large one neither all packets nor bodies other than certificates.

    Raises:
        Complaint: it cannot be read.
    """
    from harness.cli.progress import watch
    from harness.decode.decode import LARGE, Chosen, decode
    from harness.decode.packet.only import ALL
    from harness.report.call_back_shape import may_hold_certificate

    try:
        with capture.open("rb") as stream:
            return decode(
                watch(stream, capture, from_size=LARGE),
                key_log=keys.log,
                rsa_keys=keys.rsa,
                choose=lambda texts: None if texts else Chosen(ALL, may_hold_certificate),
                stream_hashes=False,
            )
    except OSError as error:
        raise unreadable(capture, error) from error
