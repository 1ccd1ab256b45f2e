"""A program of others inside a host's network namespace: started there, watched, and gone with the world.

The kernel kills it when the world's process is gone, however that ended (PR_SET_PDEATHSIG). It has a process group of
its own, so that Ctrl-C of a terminal reaches the world alone, which ends everything in order.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from harness.net.address import Endpoint
from harness.world.host import Program, ProgramError
from harness.world.wire.namespace import Namespace

_POLL_SECONDS = 0.002
_END_SECONDS = 2.0
"""Between SIGTERM and SIGKILL."""
_LAST_WORDS = 5
"""Lines of its own that an error shows."""
_LOG = "log"
_LISTEN, _ESTABLISHED, _CLOSE_WAIT = "0A", "01", "08"
"""States in /proc/net/tcp (include/net/tcp_states.h)."""
_LAUNCHER = """\
import ctypes, os, signal, sys
if ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0) != 0:
    sys.exit("prctl(PR_SET_PDEATHSIG): " + os.strerror(ctypes.get_errno()))
if os.getppid() != int(sys.argv[1]):
    sys.exit("the world is gone already")
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(sys.argv[2] + ": " + error.strerror)
"""
"""Runs between the fork and the program: this process has threads, and forks no Python of its own."""


class KernelProgram:
    """See RunningProgram."""

    def __init__(self, host: str, namespace: Namespace, program: Program, folder: Path) -> None:
        """Start it; it may not listen yet.

        Raises:
            ProgramError: its folder cannot be written.
        """
        self._name = f"{host}: {Path(program.command[0]).name}"
        self._ports = frozenset(end.port for end in program.listens)
        self._folder = folder
        try:
            _write_files(folder, program)
            with (folder / _LOG).open("wb") as log, namespace.entered():
                # A child is born where its parent's thread is.
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-I",
                        "-S",
                        "-c",
                        _LAUNCHER,
                        str(os.getpid()),
                        *program.command,
                    ],
                    cwd=folder,
                    env={"PATH": os.defpath, "LC_ALL": "C"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise ProgramError(f"{self._name} cannot be started: {error}") from error

    async def wait_until_it_listens(self, ends: tuple[Endpoint, ...], *, timeout_ns: int) -> None:
        """Look at the kernel's table of ports: a connection to try would stand in the capture.

        Raises:
            ProgramError: it ended instead, or the time is over; it runs no more.
        """
        deadline = time.monotonic_ns() + timeout_ns
        while missing := set(ends) - self._listening():
            if self._process.poll() is not None:
                raise self._give_up(f"ended with code {self._process.returncode} at its start")
            if time.monotonic_ns() > deadline:
                where = ", ".join(map(str, sorted(missing)))
                raise self._give_up(f"does not listen at {where} after {timeout_ns / 1e9:g} s")
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self, *, timeout_ns: int) -> None:
        """See RunningProgram."""
        deadline = time.monotonic_ns() + timeout_ns
        # One that listens no more, and was not told to, is about to end by itself: what it ends with has to be seen.
        while self._process.poll() is None and (self._is_serving() or not self._is_listening()):
            if time.monotonic_ns() > deadline:
                break
            await asyncio.sleep(_POLL_SECONDS)
        if self._process.poll() is not None:
            raise self._give_up(f"ended by itself with code {self._process.returncode}")
        self._process.send_signal(signal.SIGTERM)
        await self._wait(_END_SECONDS)
        self.end()

    async def kill(self) -> None:
        """See RunningProgram."""
        self._process.kill()
        await self._wait(_END_SECONDS)
        self.end()

    def end(self) -> None:
        """Whatever it is doing: it is gone afterwards, and its folder too."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)

    def _give_up(self, what: str) -> ProgramError:
        """End it; the error with its last words."""
        self._process.kill()
        self._process.wait()
        said = (self._folder / _LOG).read_text("utf-8", errors="replace").splitlines()
        words = "; ".join(line.strip() for line in said[-_LAST_WORDS:]) or "it said nothing"
        self.end()
        return ProgramError(f"{self._name} {what}: {words}")

    def _listening(self) -> set[Endpoint]:
        return {end for end, state in self._sockets() if state == _LISTEN}

    def _is_listening(self) -> bool:
        return any(end.port in self._ports for end in self._listening())

    def _is_serving(self) -> bool:
        """Whether a client is connected that has not taken its leave."""
        return any(
            end.port in self._ports and state in (_ESTABLISHED, _CLOSE_WAIT)
            for end, state in self._sockets()
        )

    def _sockets(self) -> Iterator[tuple[Endpoint, str]]:
        """Local end and state of every TCP socket in the program's namespace."""
        for table in ("tcp", "tcp6"):
            try:
                text = Path(f"/proc/{self._process.pid}/net/{table}").read_text("ascii")
            except OSError:
                continue  # It has ended, or this kernel has no IPv6.
            for line in text.splitlines()[1:]:
                fields = line.split()
                yield parse_end(fields[1]), fields[3]


def parse_end(text: str) -> Endpoint:
    """`0A00140A:148E` is 10.20.0.10:5262 on a little-endian machine: 32-bit words in the byte order of the machine."""
    address, port = text.split(":")
    words = (int(address[at : at + 8], 16) for at in range(0, len(address), 8))
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return Endpoint(ip_address(packed), int(port, 16))


def _write_files(folder: Path, program: Program) -> None:
    """Make its folder anew; what a world that was killed has left there goes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for name, text in program.files.items():
        (folder / name).write_text(text, encoding="utf-8")
