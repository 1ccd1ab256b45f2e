"""Run a scenario: make the world, record it, then judge the file just written and nothing else."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from harness.replay import replay
from harness.scenario.scenario import Scenario
from harness.verdict.verdict import Verdict
from harness.world.job import Job, WorldError

STOP_TIMEOUT_S = 20.0
"""How long a world that was told to stop may take to write what it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One scenario, run and judged."""

    file: Path
    verdict: Verdict


class Interrupted(Exception):
    """The user stopped the run; `file` holds what was recorded, marked as incomplete (None: nothing yet)."""

    def __init__(self, file: Path | None) -> None:
        """Keep the file."""
        kept = f"what was recorded so far is in {file}" if file else "nothing was recorded yet"
        super().__init__(f"interrupted; {kept}")
        self.file = file


def run(scenario: Scenario, *, text: str, file: Path, seed: int | None = None) -> Run:
    """Record one scenario into `file` and judge that file.

    Args:
        scenario: what to do.
        text: the scenario file as written; it travels inside the capture.
        file: the capture to write (its folder is made).
        seed: replaces the scenario's own.

    Raises:
        WorldError: the environment cannot do it, or the file cannot be written.
        Interrupted: Ctrl-C.
    """
    if seed is not None:
        scenario = scenario.model_copy(update={"seed": seed})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldError(f"cannot make the folder {file.parent}: {error.strerror}") from error
    _in_world(Job(scenario=scenario, text=text, file=file))
    with file.open("rb") as stream:
        return Run(file=file, verdict=replay(stream))


def _in_world(job: Job) -> None:
    """Record a job in a process of its own, forked from a clean single-threaded server."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.world.world"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_world, args=(job, theirs), name="harness-world")
    process.start()
    theirs.close()
    interrupted = False
    try:
        kind, message = _receive(ours)
    except KeyboardInterrupt:
        # The terminal sends SIGINT to the whole group, but `kill -INT` reaches this process alone.
        interrupted = True
        process.terminate()
        kind, message = _receive(ours) if ours.poll(STOP_TIMEOUT_S) else ("bug", "did not stop")
    finally:
        process.join(STOP_TIMEOUT_S)
        if process.is_alive():
            process.kill()
            process.join()
        ours.close()
    if kind == "world":
        raise WorldError(message)
    if kind == "bug":
        raise RuntimeError(f"the world process failed:\n{message}")
    if interrupted or kind == "interrupted":
        raise Interrupted(job.file if kind == "done" else None)


def _receive(pipe: Connection) -> tuple[str, str]:
    try:
        kind, message = pipe.recv()
    except EOFError:
        return "bug", "it ended without a word (killed, or out of memory)"
    return kind, message


def _world(job: Job, pipe: Connection) -> None:
    """The child: record, and say how it went in one message."""
    from harness.world.world import record

    _tell(pipe, lambda: record(job))


def _tell(pipe: Connection, act: Callable[[], None]) -> None:
    try:
        act()
    except WorldError as error:
        pipe.send(("world", str(error)))
    except KeyboardInterrupt:
        pipe.send(("interrupted", "before anything was recorded"))
    except BaseException:  # noqa: BLE001 - the child's only way to tell its parent about our own bug
        pipe.send(("bug", traceback.format_exc()))
    else:
        pipe.send(("done", ""))
