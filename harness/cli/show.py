"""The command `show`: single packets of a capture, with the TLS and HTTP messages in them."""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from harness.cli.complaint import Complaint, unreadable
from harness.cli.exit_code import ExitCode
from harness.cli.keys import Keys, add_keys, read_keys

if TYPE_CHECKING:
    from harness.decode.excerpt import Excerpt
    from harness.trace.packet import PacketNumber

MAX_SHOWN: Final = 10_000
"""Packets that are printed at once; more is a mistyped range."""

_NUMBERS = re.compile(r"([1-9][0-9]{0,9})(?:-([1-9][0-9]{0,9}))?", re.ASCII)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `show`."""
    show = commands.add_parser(
        "show",
        allow_abbrev=False,
        help="print single packets of a capture",
        description="Print these packets in readable lines, with the TLS and HTTP messages in them.",
    )
    show.add_argument("capture", metavar="FILE", help="pcapng or pcap (gzip too)")
    show.add_argument(
        "numbers", nargs="+", metavar="NUMBER", help="a packet number, or a range such as 12-14"
    )
    add_keys(show)
    show.set_defaults(command=show_packets)


def show_packets(options: argparse.Namespace) -> ExitCode:
    """Print packets of one capture."""
    from harness.report.packet_lines import tell_packets
    from harness.trace.packet import PacketNumber

    ranges = [_parse_numbers(text) for text in options.numbers]
    wanted = list(dict.fromkeys(PacketNumber(n) for numbers in ranges for n in numbers))
    if len(wanted) > MAX_SHOWN:
        raise Complaint(
            f"got {len(wanted)} packet numbers; expected at most {MAX_SHOWN} packets at once"
        )
    excerpt = _read(Path(options.capture), frozenset(wanted), read_keys(options))
    count = excerpt.packet_count
    if not count:
        problems = "; ".join(damage.message for damage in excerpt.trace.damage) or "it is empty"
        raise Complaint(f"{options.capture}: no packet could be read: {problems}")
    beyond = [
        text for text, numbers in zip(options.numbers, ranges, strict=True) if numbers[-1] > count
    ]
    if beyond:
        raise Complaint(
            f"{options.capture}: got packet {' '.join(beyond)}; expected numbers from 1 to {count}"
        )
    print(tell_packets(excerpt.trace, wanted))
    return ExitCode.AS_EXPECTED


def _read(capture: Path, numbers: frozenset[PacketNumber], keys: Keys) -> Excerpt:
    from harness.cli.progress import watch
    from harness.decode.decode import LARGE
    from harness.decode.excerpt import decode_excerpt

    try:
        with capture.open("rb") as opened:
            stream = cast(BinaryIO, opened if opened.seekable() else io.BytesIO(opened.read()))
            watched = watch(stream, capture, from_size=LARGE)
            return decode_excerpt(watched, numbers, key_log=keys.log, rsa_keys=keys.rsa)
    except OSError as error:
        raise unreadable(capture, error) from error


def _parse_numbers(text: str) -> range:
    match = _NUMBERS.fullmatch(text)
    if match is None:
        raise Complaint(
            f"got {text!r}; expected a packet number such as 12, or a range such as 12-14"
        )
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise Complaint(f"got the range {text}; expected the smaller number first")
    if last - first >= MAX_SHOWN:
        raise Complaint(f"got the range {text}; expected at most {MAX_SHOWN} packets at once")
    return range(first, last + 1)
