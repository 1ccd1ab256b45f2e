"""Elsewhere: what judges and what simulates works without anything that only Linux (or only Unix) has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.scenario_files import ROOT, TERMINATING

CAPTURE = ROOT / "captures" / "terminating-cluster.pcapng"

POORER = """
import cryptography.x509, numpy, pydantic.fields, ruamel.yaml, tlslite.api, trustme, zoneinfo
import asyncio, multiprocessing.connection, multiprocessing.pool, concurrent.futures.process
import os, pathlib, shutil, signal, socket, subprocess, sys, tempfile, time

# Libraries have loaded what they use on this machine; from now on it is as on Windows.
for name in (
    "fcntl", "resource", "termios", "pwd", "grp", "pty", "syslog", "posix", "scapy", "pyroute2"
):
    sys.modules[name] = None
for module, names in (
    (socket, "AF_NETLINK AF_PACKET AF_UNIX AF_ALG SO_REUSEPORT"),
    (signal, "SIGKILL SIGHUP SIGALRM SIGCHLD SIGUSR1 SIGQUIT pthread_sigmask setitimer"),
    (os, "fork forkpty setns unshare getuid geteuid getgid pipe2 sched_getaffinity memfd_create"),
    (os, "eventfd pidfd_open killpg getpgid setsid uname getloadavg nice"),
    (time, "clock_gettime clock_settime tzset"),
):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
sys.platform = "win32"

from harness.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def _run(*words: str, cwd: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", POORER, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("replay", str(CAPTURE)),
        ("replay", "--json", str(CAPTURE)),
        ("decode", str(CAPTURE)),
        ("show", str(CAPTURE), "1-20"),
        ("check", str(TERMINATING)),
        ("schema",),
    ],
    ids=lambda words: " ".join(words[:2] if words[1:2] == ("--json",) else words[:1]),
)
def test_judging_works_elsewhere(words: tuple[str, ...], tmp_path: Path) -> None:
    """Every command that needs no live wire."""
    code, told = _run(*words, cwd=tmp_path)

    assert code == 0, told


def test_a_scenario_is_simulated_elsewhere(tmp_path: Path) -> None:
    """`auto` says that it simulates, and why; the file is that of this machine, byte for byte."""
    code, told = _run("run", str(TERMINATING), "--output", "one", cwd=tmp_path)
    name = f"{TERMINATING.stem}.pcapng"
    words = ("run", str(TERMINATING), "--wire", "sim", "--output", "two")
    here = subprocess.run(
        [sys.executable, "-m", "harness.cli", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert code == 0, told
    assert told.startswith("wire: simulated (")
    assert here.returncode == 0
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_kernel_wire_is_refused_in_words_elsewhere(tmp_path: Path) -> None:
    """Exit code 4 and a remedy, no traceback; `doctor` says the same."""
    code, told = _run("run", str(TERMINATING), "--wire", "kernel", cwd=tmp_path)

    assert code == 4, told
    assert "Traceback" not in told
    assert _run("doctor", cwd=tmp_path)[0] == 4
