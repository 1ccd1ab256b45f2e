"""What ends a run early: Ctrl-C, a full disk, a folder that nobody may write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.replay import replay
from tests.end_to_end.scenario_files import SINGLE_NODE, TERMINATING
from tests.processes import below, is_running, wait_for

pytestmark = pytest.mark.usefixtures("live")

LONG = """\
scenario: a device that goes on for long
site:
  fqdn: access.example.com
  nodes: {node1: 10.20.1.1}
  cert_proxy: {destination: access.example.com}
devices:
  pixel: {user: alice@example.com, count: 15}
steps:
  - {device: pixel, sign_in: salesforce, requests: 1000}
"""


def command(*arguments: str | Path) -> list[str]:
    """The command, with this interpreter."""
    return [sys.executable, "-m", "harness.cli", *map(str, arguments)]


def open_sockets(process: int) -> int:
    """How many sockets a process holds."""
    return sum(
        os.readlink(file).startswith("socket:") for file in Path(f"/proc/{process}/fd").iterdir()
    )


def is_busy(parent: int) -> bool:
    """A child in a network namespace of its own holds the sockets of devices beside those of servers."""
    ours = Path("/proc/self/ns/net").readlink()
    for process in below(parent):
        try:
            if Path(f"/proc/{process}/ns/net").readlink() != ours and open_sockets(process) > 50:
                return True
        except OSError:  # It, or one of its files, was gone between two looks.
            continue
    return False


@pytest.mark.parametrize(
    ("number", "kill"),
    [
        pytest.param(signal.SIGINT, os.killpg, id="ctrl-c"),
        pytest.param(signal.SIGINT, os.kill, id="interrupt one process"),
        pytest.param(signal.SIGTERM, os.kill, id="terminate one process"),
    ],
)
def test_interrupted_run_keeps_its_capture(
    tmp_path: Path, number: signal.Signals, kill: Callable[[int, int], None]
) -> None:
    """The capture so far is kept, marked as incomplete, and is never a PASS; nothing goes on running."""
    (tmp_path / "long.yaml").write_text(LONG)
    with subprocess.Popen(
        command("run", "long.yaml", "--output", "out"),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        wait_for(lambda: is_busy(process.pid))
        children = tuple(below(process.pid))
        kill(process.pid, number)
        told = process.communicate(timeout=60)[1]

    assert process.returncode == 130
    assert "interrupted; what was recorded so far is in out/long.pcapng" in told
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["long.pcapng"]
    with (tmp_path / "out" / "long.pcapng").open("rb") as stream:
        assert replay(stream).outcome == "unknown"
    wait_for(lambda: not any(map(is_running, children)))


@pytest.mark.parametrize("scenario", [SINGLE_NODE, TERMINATING], ids=lambda file: file.stem)
def test_full_disk(tmp_path: Path, scenario: Path) -> None:
    """A capture that cannot be written whole is not there at all; the message says what to do."""
    limited = [
        "sh",
        "-c",
        'ulimit -f 8; exec "$@"',
        "sh",
        *command("run", scenario, "--output", tmp_path),
    ]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 4
    assert (
        f"cannot write the capture {tmp_path / scenario.stem}.pcapng: File too large" in done.stderr
    )
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    """An output folder that cannot be made is said before anything runs."""
    (tmp_path / "runs").touch()
    done = subprocess.run(
        command("run", SINGLE_NODE, "--output", tmp_path / "runs"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 4
    assert f"cannot make the folder {tmp_path / 'runs'}" in done.stderr


def test_wrong_expectation(tmp_path: Path) -> None:
    """A run that is not as foreseen ends with 1 and says what is different."""
    text = SINGLE_NODE.read_text("utf-8").split("expect:")[0]
    (tmp_path / "one.yaml").write_text(f"{text}expect: {{verdict: fail, findings: [V15]}}\n")
    done = subprocess.run(
        command("run", tmp_path / "one.yaml", "--output", tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "not as expected: verdict is pass, expected fail" in done.stdout
