"""tshark: runs it on a capture, and gives what it prints, line by line."""

from __future__ import annotations

import resource
import select
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path

PROGRAM = "tshark"
TIMEOUT_S = 600
"""For so long it may print nothing."""
MEMORY_BYTES = 8 << 30
"""Address space of tshark: it keeps state for every packet."""
UNIT, RECORD = "\x1f", "\x1e"
"""Between the values of a field, and between fields: neither can stand in a value that tshark prints."""
FIELDS = (
    "frame.number",
    "tcp.stream",
    "tcp.srcport",
    "tcp.seq",
    "tcp.len",
    "tls.handshake.type",
    "tls.handshake.random",
    "tls.handshake.extensions_server_name",
    "tls.handshake.certificate",
    "http.request.method",
    "http.request.uri",
    "http.request.line",
)

_TOO_LARGE = (
    f" (it keeps state for every packet, some 1 to 3 GB for a GB, and gets {MEMORY_BYTES >> 30} GB: "
    "cut larger files, editcap -A -B)"
)
_LAST = 4096
"""Bytes at the end of what it says about errors."""


class SecondOpinionError(Exception):
    """tshark could not be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class TsharkKeys:
    """Files that tshark takes keys from."""

    log: Path | None = None
    """NSS key log."""
    rsa: tuple[Path, ...] = ()
    """Private keys of servers, in PEM."""


NO_KEYS = TsharkKeys()


def run_tshark(
    protocols: Mapping[int, str], capture: Path, keys: TsharkKeys
) -> Generator[str, None, None]:
    """The lines that tshark prints, one a frame, as it prints them; it is ended with this."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise SecondOpinionError(
            f"{PROGRAM} is not installed: install it (Debian: apt-get install tshark) or leave --second-opinion out"
        )
    command = [program, "-n", "-r", str(capture), "-o", "tcp.reassemble_out_of_order:TRUE"]
    if keys.log is not None:
        command += ["-o", f"tls.keylog_file:{keys.log}"]
    for file in keys.rsa:
        command += ["-o", f'uat:rsa_keys:"{file}",""']
    for port, protocol in sorted(protocols.items()):
        command += ["-d", f"tcp.port=={port},{protocol}"]
    command += ["-T", "fields", "-E", f"separator={RECORD}", "-E", f"aggregator={UNIT}"]
    command += [part for name in FIELDS for part in ("-e", name)]
    with tempfile.TemporaryFile("w+b") as errors:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=_limit,
            )
        except OSError as error:
            raise SecondOpinionError(f"{PROGRAM} cannot be started: {error.strerror}") from error
        with child:
            try:
                yield from _read_output(child)
                code = child.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired as error:
                raise SecondOpinionError(f"{PROGRAM} said nothing for {TIMEOUT_S} s") from error
            finally:
                child.kill()
        errors.seek(max(errors.seek(0, SEEK_END) - _LAST, 0))
        said = errors.read(_LAST).decode("utf-8", "replace").strip().splitlines()
        # 2 and "cut short" also come with damaged files, whose good part was printed: then the frames are compared.
        if code not in (0, 2):
            told = said[-1] if said else f"exit code {code}"
            is_full = code < 0 or "memory" in told.lower()
            raise SecondOpinionError(f"{PROGRAM} failed: {told}{_TOO_LARGE if is_full else ''}")


def _read_output(child: subprocess.Popen[bytes]) -> Iterator[str]:
    """Whole lines.

    Raises:
        TimeoutExpired: nothing came for so long.
    """
    assert child.stdout is not None
    rest = b""
    while True:
        if not select.select([child.stdout], [], [], TIMEOUT_S)[0]:
            raise subprocess.TimeoutExpired(PROGRAM, TIMEOUT_S)
        data = child.stdout.read1(1 << 18)  # type: ignore[attr-defined] # it is buffered
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")


def _limit() -> None:
    """In the child, before tshark starts."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
