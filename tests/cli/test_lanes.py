"""Tests of lanes: several processes simulate, and nobody can tell from what comes out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli.lanes import Task, count_processors, run_tasks
from harness.cli.main import main
from harness.replay import replay
from harness.scenario.yaml import load_scenario
from harness.world.job import WorldError
from tests.cli.scenario_text import SINGLE_NODE
from tests.processes import is_running, wait_for

FAILING = SINGLE_NODE.replace("{pixel: alice@example.com}", "{pixel: bob@example.com}")
LONG = SINGLE_NODE.replace(
    "{user: alice@example.com}", '{user: "user{n}@example.com", count: 3000}'
)
LONG = LONG.replace(", signed_in: {pixel: alice@example.com}", "")


@pytest.fixture
def scenarios(tmp_path: Path) -> Path:
    """Five, of which the third is not as expected."""
    folder = tmp_path / "scenarios"
    folder.mkdir()
    for number in range(5):
        text = FAILING if number == 2 else SINGLE_NODE
        (folder / f"number-{number}.yaml").write_text(f"{text}\nseed: {number}\n")
    return folder


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_nobody_can_tell(
    form: list[str],
    scenarios: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code, output and captures are those of one process, byte for byte and in order."""
    monkeypatch.chdir(scenarios.parent)
    told, codes, captures = [], [], []
    for jobs in ("1", "3"):
        codes.append(main(["run", "scenarios", "--wire", "sim", "--jobs", jobs, *form]))
        output = capsys.readouterr()
        told.append((_untimed(output.out), _untimed(output.err)))
        captures.append({file.name: file.read_bytes() for file in Path("runs").iterdir()})

    assert codes == [1, 1]
    assert told[0] == told[1]
    assert captures[0] == captures[1]
    assert sorted(captures[0]) == [f"number-{number}.pcapng" for number in range(5)]


def _untimed(text: str) -> list[list[str]]:
    """Words without durations, which are the only difference that may be."""
    return [[w for w in line.split() if not _is_seconds(w)] for line in text.splitlines()]


def _is_seconds(word: str) -> bool:
    return word.replace(".", "", 1).isdigit() and "." in word


def _task(file: Path, text: str = SINGLE_NODE) -> Task:
    return Task(scenario=load_scenario(text, name="x.yaml"), text=text, file=file, seed=None)


def test_a_seed_reaches_the_lanes(tmp_path: Path) -> None:
    """It replaces the scenario's own."""
    text = SINGLE_NODE
    tasks = [
        Task(scenario=load_scenario(text, name="x"), text=text, file=tmp_path / str(s), seed=s)
        for s in (1, 2, 1)
    ]

    files = [done.run.file.read_bytes() for done in run_tasks(tasks, wire="sim", count=2)]

    assert files[0] == files[2] != files[1]


def test_a_refusal_comes_in_its_place(tmp_path: Path) -> None:
    """What stands before it is told, also when it took longer."""
    (tmp_path / "blocked").write_text("no folder")
    tasks = [_task(tmp_path / "1.pcapng"), _task(tmp_path / "blocked" / "x" / "2.pcapng")]
    results = run_tasks(tasks, wire="sim", count=2)

    assert next(results).run.verdict.as_expected
    with pytest.raises(WorldError, match=r"cannot make the folder .*blocked/x: Not a directory"):
        next(results)


def test_a_bug_keeps_its_traceback(tmp_path: Path) -> None:
    """Our own, in a process that nobody sees."""
    broken = Task(
        scenario=load_scenario(SINGLE_NODE, name="x.yaml"),
        text=SINGLE_NODE,
        file=7,  # type: ignore[arg-type]
        seed=None,
    )

    with pytest.raises(RuntimeError, match=r"(?s)has failed:.*AttributeError: 'int' object"):
        list(run_tasks([_task(tmp_path / "1.pcapng"), broken], wire="sim", count=2))


def test_nobody_has_to_listen_to_the_end(tmp_path: Path) -> None:
    """The lanes end with their reader, and at once."""
    tasks = [_task(tmp_path / "1.pcapng"), _task(tmp_path / "long.pcapng", LONG)]
    results = run_tasks(tasks, wire="sim", count=2)
    started_ns = time.monotonic_ns()
    next(results)

    results.close()

    assert time.monotonic_ns() - started_ns < 45e9
    assert _children(os.getpid()) == []


def test_this_process_has_a_processor() -> None:
    """Or it would not run."""
    assert count_processors() >= 1


def _children(process: int) -> list[int]:
    """Lanes of a process: its children that were forked by hand, all of them here."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            name = (folder / "cmdline").read_bytes()
        except OSError:  # Gone between two looks.
            continue
        if int(words[1]) == process and b"forkserver" not in name and b"tracker" not in name:
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize(
    ("number", "kill"),
    [
        pytest.param(signal.SIGINT, os.killpg, id="ctrl-c"),
        pytest.param(signal.SIGINT, os.kill, id="interrupt one process"),
        pytest.param(signal.SIGTERM, os.kill, id="terminate one process"),
        pytest.param(signal.SIGTERM, os.killpg, id="terminate all"),
    ],
)
def test_an_interrupt_ends_all(
    number: signal.Signals, kill: Callable[[int, int], None], tmp_path: Path
) -> None:
    """What each lane has recorded is kept, marked as incomplete; nothing goes on running."""
    for name in ("one", "two", "unbegun"):
        (tmp_path / f"{name}.yaml").write_text(LONG)
    told, children = _stop(tmp_path, number, kill)

    assert told.splitlines()[-1] == (
        "harness: interrupted; what was recorded so far is in out/one.pcapng and out/two.pcapng;"
        " 0 of 3 scenarios were judged"
    )
    assert "Traceback" not in told
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "one.pcapng",
        "two.pcapng",
    ]
    for file in (tmp_path / "out").iterdir():
        with file.open("rb") as stream:
            assert replay(stream).completeness["complete"] is False
    wait_for(lambda: not any(map(is_running, children)))


def _stop(
    folder: Path, number: signal.Signals, kill: Callable[[int, int], None]
) -> tuple[str, list[int]]:
    """Run a folder in two lanes, and signal it once both have worked for a while; stderr and the lanes."""
    command = [sys.executable, "-m", "harness.cli", "run", ".", "--wire", "sim"]
    with subprocess.Popen(
        [*command, "--jobs", "2", "--output", "out"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        wait_for(lambda: _are_busy(_children(process.pid)))
        children = _children(process.pid)
        kill(process.pid, number)
        told = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    return told, children


def _are_busy(processes: list[int]) -> bool:
    """Both lanes have used half a second of a processor: what they simulate has begun."""
    return len(processes) == 2 and all(
        _ticks(one) > os.sysconf("SC_CLK_TCK") // 2 for one in processes
    )


def _ticks(process: int) -> int:
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(words[11]) + int(words[12])


def test_lanes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """Nobody is left who could tell them: they notice that nobody reads."""
    for name in "abcdefgh":
        (tmp_path / f"{name}.yaml").write_text(LONG.replace("3000", "20"))
    command = [sys.executable, "-m", "harness.cli", "run", ".", "--wire", "sim", "--jobs", "2"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_for(lambda: len(_children(process.pid)) == 2)
        children = _children(process.pid)
        process.kill()
    wait_for(lambda: not any(map(is_running, children)))

    assert len(list((tmp_path / "runs").glob("*"))) <= 4
