"""The command `decode`: what any capture holds, connection by connection, without a judgement."""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from harness.cli.complaint import Complaint, unreadable
from harness.cli.exit_code import ExitCode
from harness.cli.keys import Keys, add_keys, read_keys

if TYPE_CHECKING:
    from harness.cli.turn import Turn
    from harness.trace.connection import Connection
    from harness.trace.trace import Damage

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
    add_keys(decode)
    decode.add_argument(
        "--json", action="store_true", help="print one JSON object a line (docs/decode.md)"
    )
    decode.add_argument(
        "--brief",
        choices=("connections", "handshakes", "exchanges"),
        help="print only a few facts of each connection as it ends, tab-separated: many times as fast",
    )
    decode.add_argument(
        "--port",
        metavar="N",
        type=_port,
        action="append",
        default=[],
        help="only connections with this port at either end; may be repeated",
    )
    decode.add_argument(
        "--past-damage",
        action="store_true",
        help="go on behind a damaged place of the file, where packets follow one another again",
    )
    decode.add_argument(
        "--jobs",
        metavar="N",
        type=process_count,
        default=1,
        help="share the connections among N processes (1); worth it from some 100 MB on",
    )
    decode.set_defaults(command=decode_capture)


def decode_capture(options: argparse.Namespace) -> ExitCode:
    """Print one capture."""
    keys = read_keys(options)
    # numpy would start threads for matrices; there are none here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # There are no cycles to find at the end, when Python would look at all that was loaded.
    atexit.register(gc.freeze)
    if options.brief:
        if options.json or options.jobs > 1:
            raise Complaint("--brief stands alone: without --json and --jobs")
        with _opened(options.capture) as stream:
            return _print_briefly(stream, options, keys)
    # Not above, here and below: what is brief needs none of it, and takes no longer than loading it.
    import tempfile

    from harness.cli.turn import Turn

    with _opened(options.capture) as stream, tempfile.TemporaryFile() as spool:
        return _print(stream, options, keys, Turn(spool))


def _print(
    stream: BinaryIO,
    options: argparse.Namespace,
    keys: Keys,
    turn: Turn,
) -> ExitCode:
    from harness.cli.shares import Summary, tell_shares
    from harness.decode.connections import ConnectionReader, decode_connections
    from harness.decode.packet.only import Only
    from harness.report import connection_json, connection_text, summary_json

    tell = connection_json.connection_json if options.json else connection_text.tell_connection
    told = summary_json.summary_json if options.json else connection_text.tell_summary

    def read(stream: BinaryIO, only: Only) -> ConnectionReader[Connection]:
        return decode_connections(
            stream,
            key_log=keys.log,
            rsa_keys=keys.rsa,
            body_limit=0,
            only=only,
            past_damage=options.past_damage,
        )

    summary = Summary()
    if options.jobs > 1:
        shares = tell_shares(
            stream, read, tell, count=options.jobs, ports=_ports(options), summary=summary
        )
        for text in shares:
            print(text)
    else:
        reader = read(stream, Only(ports=_ports(options)))
        for connection in reader:
            summary.connection_count += 1
            for text in turn.put(connection.number, tell(connection, reader.damage)):
                print(text)
        summary.packet_count, summary.damage = reader.packet_count, tuple(reader.damage)
        summary.skipped = reader.skipped
    if summary.packet_count or options.json:
        print(
            told(
                packet_count=summary.packet_count,
                connection_count=summary.connection_count,
                skipped=+summary.skipped,
                damage=summary.damage,
            )
        )
    _tell_damage(options, summary.packet_count, summary.damage)
    return ExitCode.AS_EXPECTED


def _tell_damage(options: argparse.Namespace, packet_count: int, damage: Sequence[Damage]) -> None:
    """Say on stderr that the file is damaged: whoever looks at the connections alone would not know."""
    if not damage:
        return
    first = damage[0]
    text = (
        first.message if first.offset == 0 else f"damaged at byte {first.offset}: {first.message}"
    )
    if len(damage) > 1:
        text += f"; and {len(damage) - 1} more places"
    if first.offset and not options.past_damage:
        text += "; --past-damage looks for packets behind it"
    if not packet_count:
        raise Complaint(f"{options.capture}: {text}")
    print(f"harness: {options.capture}: {text}", file=sys.stderr)


def _print_briefly(stream: BinaryIO, options: argparse.Namespace, keys: Keys) -> ExitCode:
    from harness.decode.brief import decode_briefly
    from harness.decode.packet.only import Only
    from harness.report.brief_lines import TELLERS
    from harness.report.summary_json import summary_json

    reader = decode_briefly(
        stream,
        options.brief,
        key_log=keys.log,
        rsa_keys=keys.rsa,
        only=Only(ports=_ports(options)),
        past_damage=options.past_damage,
    )
    tell, write = TELLERS[options.brief], sys.stdout.write
    count = 0
    for chunk in reader.chunks:
        lines = [*map(tell, chunk)]
        count += len(lines)
        write("".join(lines))
    summary = summary_json(
        packet_count=reader.packet_count,
        connection_count=count,
        skipped=+reader.skipped,
        damage=tuple(reader.damage),
    )
    write(f"{summary}\n")
    _tell_damage(options, reader.packet_count, reader.damage)
    return ExitCode.AS_EXPECTED


def _ports(options: argparse.Namespace) -> frozenset[int]:
    return frozenset(options.port)


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected 1 to 65535")
    return int(text)


def process_count(text: str) -> int:
    """A number of processes."""
    if not re.fullmatch(r"[1-9][0-9]?", text):
        raise argparse.ArgumentTypeError(f"got {text!r}; expected 1 to 99")
    return int(text)


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
    import shutil
    import tempfile

    with tempfile.TemporaryFile() as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool)
        spool.seek(0)
        yield spool
