"""Place: where peers run and are recorded: a network namespace of their own with nothing but loopback, and a folder."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.capture import block as blocks
from harness.capture.pcapng import read_blocks
from harness.capture.writer import PcapngWriter

PATIENCE_S = 10
"""Any single wait ends after so long."""
_END = b"the end of this capture, to a port that nobody has"
_INSIDE = "CERTPROXY_PEERS_INSIDE"


class PeerError(Exception):
    """A peer did not do what the scene wants; the text says which, and what it said."""


def enter_namespace() -> None:
    """Run this very command again in a namespace of its own, unless that has happened."""
    if os.environ.get(_INSIDE):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    command = ["unshare", "-rn", sys.executable, "-m", "tests.peers", *sys.argv[1:]]
    os.execvpe("unshare", command, {**os.environ, _INSIDE: "1"})


@dataclass(slots=True)
class Place:
    """One scene's folder, programs, and what it expects to be found in its capture."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    """For every program that is started."""
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def key_log(self) -> Path:
        """Where every peer that can writes its secrets."""
        return self.folder / "keys.log"

    def write(self, name: str, text: str) -> Path:
        """A file for a peer."""
        path = self.folder / name
        path.write_text(text)
        return path

    def serve(self, port: int, *command: str | Path) -> subprocess.Popen[bytes]:
        """Start a server, and wait until it listens on a port of 127.0.0.1; it ends with the scene."""
        log = (self.folder / f"server-{port}.log").open("wb")
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self._running.callback(_stop, process)
        self._running.callback(log.close)

        def listens() -> bool:
            if process.poll() is not None:
                said = (self.folder / f"server-{port}.log").read_text(errors="replace")
                raise PeerError(f"{command[0]} ended with {process.returncode}: {said[-500:]}")
            return f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()

        wait(listens, f"{command[0]} to listen on port {port}")
        return process

    def run(self, *command: str | Path, said: bytes = b"", fails: bool = False) -> bytes:
        """Run a client to its end, with this on its standard input; gives what it printed."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            input=said,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if bool(done.returncode) != fails:
            tail = (done.stdout + done.stderr)[-800:].decode(errors="replace") + " ".join(
                p.read_text(errors="replace")[-400:] for p in self.folder.glob("server-*.log")
            )
            raise PeerError(f"{' '.join(map(str, command))}: exit code {done.returncode}: {tail}")
        return done.stdout

    def talk(
        self, *command: str | Path, script: Sequence[tuple[bytes, bytes | Callable[[], None]]]
    ) -> bytes:
        """Run an interactive client: each line is said, or thing done, once the words before it were printed.

        Gives all that it printed.
        """
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout
        printed, place = bytearray(), 0
        try:
            os.set_blocking(stdout.fileno(), False)

            def has_printed(words: bytes) -> bool:
                while data := stdout.read(65536):
                    printed.extend(data)
                return printed.find(words, place) >= 0

            for words, line in script:
                wait(partial(has_printed, words), f"{command[0]} to print {words!r}")
                place = printed.find(words, place) + len(words)
                if callable(line):
                    line()
                else:
                    stdin.write(line)
                    stdin.flush()
            wait(lambda: process.poll() is not None, f"{command[0]} to end")
            has_printed(b"")
        except PeerError as error:
            logs = " ".join(
                p.read_text(errors="replace")[-400:] for p in self.folder.glob("server-*.log")
            )
            raise PeerError(
                f"{error}; it printed {bytes(printed)[-500:]!r}; servers: {logs}"
            ) from error
        finally:
            _stop(process)
        return bytes(printed)

    def close(self) -> None:
        """End every server."""
        self._running.close()


def wait(is_done: Callable[[], bool], what: str) -> None:
    """Until something is so; raises PeerError after PATIENCE_S."""
    end = time.monotonic() + PATIENCE_S
    while not is_done():
        if time.monotonic() > end:
            raise PeerError(f"waited {PATIENCE_S} s for {what}")
        time.sleep(0.005)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


@contextmanager
def recorded(place: Place) -> Iterator[io.BytesIO]:
    """Record what happens inside with dumpcap; the stream holds a pcapng with the secrets when it is over."""
    raw, capture = place.folder / "raw.pcapng", io.BytesIO()
    command = ["dumpcap", "-q", "-B", "16", "-i", "lo", "-w", str(raw)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert process.stderr is not None
        while b"File:" not in (line := process.stderr.readline()):
            if not line:
                raise PeerError("dumpcap did not begin to capture")
        yield capture
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marker:
            marker.sendto(_END, ("127.0.0.1", 9))
        wait(lambda: _END in raw.read_bytes(), "the last packet to be recorded")
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    keys = place.key_log.read_bytes() if place.key_log.exists() else b""
    _write(capture, raw.read_bytes(), keys)


def _write(capture: io.BytesIO, raw: bytes, keys: bytes) -> None:
    """The same packets up to the marker, with the secrets that open them in front."""
    writer = PcapngWriter(capture)
    writer.write_interface("lo")
    if lines := [line for line in keys.splitlines(keepends=True) if _opens(line)]:
        writer.write_secrets(b"".join(sorted(set(lines))))
    for block in read_blocks(io.BytesIO(raw)):
        if isinstance(block, blocks.Capture):
            if _END in block.data:
                break
            writer.write_packet(0, block.time_ns, block.data, size=block.size)


def _opens(line: bytes) -> bool:
    return not line.startswith((b"#", b"EXPORTER", b"EARLY_EXPORTER")) and bool(line.strip())
