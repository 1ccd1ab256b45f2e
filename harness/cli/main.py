"""The command `harness`: reads its arguments, calls one command, and turns how it ended into an exit code.

Nothing heavy is imported before a command needs it: `harness --help` answers at once.
"""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType
from typing import Final

from harness import __version__
from harness.cli.complaint import Complaint
from harness.cli.exit_code import ExitCode

GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "judge": ("run", "replay"),
        "show": ("show",),
        "decode": ("decode",),
        "site": ("check", "schema"),
        "settings": ("settings",),
        "site_template": ("site-template",),
        "certificate": ("certificate",),
        "live": ("doctor",),
    }
)
"""Modules of this package, in the order of the help, and the commands that each of them describes."""
EPILOG = """\
exit codes:
  0  as expected           3  unknown, and that was not expected
  1  not as expected       4  this machine cannot do it (harness doctor)
  2  wrong usage or input  70 a bug of the harness    130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    with _terminable():
        return conclude(lambda: _call(arguments))


def _call(arguments: Sequence[str]) -> ExitCode:
    """Read the arguments, and call the command that they name."""
    # Observations have no cycles: looking for some all the time would cost a tenth to a fifth of reading a capture.
    gc.set_threshold(50_000, 20, 100)
    options = build_parser(arguments[0] if arguments else None).parse_args(arguments)
    code: ExitCode = options.command(options)
    return code


def conclude(command: Callable[[], ExitCode]) -> ExitCode:
    """Run a command to its end, whatever that is, and say on stderr why it was not the planned one."""
    try:
        code = command()
        sys.stdout.flush()
    except Complaint as complaint:
        print(f"harness: {complaint}", file=sys.stderr)
        return complaint.code
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); what Python still flushes at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INTERRUPTED
    except Exception:  # noqa: BLE001 - the last place that can say that it is our own bug
        import traceback  # Not above: it takes a while, and is hardly ever needed.

        traceback.print_exc()
        print(
            f"harness: this is a bug of certproxy-harness {__version__}; please report the lines above"
            f" and the command: {shlex.join(sys.argv)}",
            file=sys.stderr,
        )
        return ExitCode.OWN_BUG
    return code


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that what was recorded is kept."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread may handle signals: a caller's own business.
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """What reads the arguments: of one command, or of all where it is none."""
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Certificate sign-in through a cert-proxy cluster: the packets decide.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"certproxy-harness {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    # Loading and describing all commands would take longer than decoding a small file.
    chosen = [group for group, names in GROUPS.items() if command in names]
    for group in chosen or GROUPS:
        import_module(f"harness.cli.{group}").add_commands(commands)
    return parser
