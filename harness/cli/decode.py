"""The command `decode`: what any capture holds, connection by connection, without a judgement."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from harness.cli.complaint import Complaint, read_file, unreadable
from harness.cli.exit_code import ExitCode

STDIN: Final = "-"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `decode`."""
    decode = commands.add_parser(
        "decode",
        allow_abbrev=False,
        help="list the connections of a capture, with their TLS and HTTP",
        description="Print every TCP connection of a capture in order of its first packet: bytes and their"
        " hashes, TLS sessions, HTTP exchanges, and the same inside CONNECT tunnels; then a summary.",
    )
    decode.add_argument("capture", metavar="FILE", help="pcapng or pcap (gzip too); - is stdin")
    decode.add_argument(
        "--keylog", metavar="FILE", help="TLS secrets (NSS key log), beside those inside"
    )
    decode.add_argument(
        "--json", action="store_true", help="print one JSON object a line (docs/decode.md)"
    )
    decode.set_defaults(command=decode_capture)


def decode_capture(options: argparse.Namespace) -> ExitCode:
    """Print one capture."""
    key_log = read_file(Path(options.keylog)) if options.keylog else b""
    with _opened(options.capture) as stream:
        return _print(stream, options, key_log)


def _print(stream: BinaryIO, options: argparse.Namespace, key_log: bytes) -> ExitCode:
    from harness.decode.decode import decode
    from harness.report import connection_json, connection_text

    trace = decode(stream, key_log=key_log)
    if not trace.packets and not trace.taps and trace.damage:
        raise Complaint(f"{options.capture}: {trace.damage[0].message}")
    for connection in trace.connections:
        if options.json:
            print(connection_json.connection_json(connection))
        else:
            print(connection_text.tell_connection(connection))
    told = connection_json.summary_json if options.json else connection_text.tell_summary
    print(
        told(
            packet_count=len(trace.packets),
            connection_count=len(trace.connections),
            skipped=trace.skipped,
            damage=trace.damage,
        )
    )
    return ExitCode.AS_EXPECTED


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The capture as a stream that can be read twice: secrets may stand behind the packets that need them."""
    if name != STDIN:
        try:
            with Path(name).open("rb") as stream:
                yield stream
        except BrokenPipeError:
            raise  # Not the capture: the reader of our output has gone.
        except OSError as error:
            raise unreadable(Path(name), error) from error
        return
    with tempfile.TemporaryFile() as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool)
        spool.seek(0)
        yield spool
