"""Run a scenario: make the world, record it, then judge the file just written and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.replay import replay
from harness.scenario.engine import real_balancers
from harness.scenario.need import find_needs
from harness.scenario.scenario import Scenario
from harness.verdict.verdict import Verdict
from harness.world.engine import EngineError, find_engine, find_engines
from harness.world.host import ProgramError
from harness.world.job import Job, WorldError
from harness.world.wire.choice import WORLD, Kind, Wanted, choose

BUILD_TIMEOUT_NS = 120_000_000_000
"""What a world may take beside its steps: to be built, to come to rest, and to write its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One scenario, run and judged."""

    file: Path
    verdict: Verdict


class Interrupted(Exception):
    """The user stopped the run; `file` holds what was recorded, marked as incomplete (None: nothing yet)."""

    def __init__(self, file: Path | None, *others: Path) -> None:
        """Keep the file; `others` are those of runs beside it."""
        files = " and ".join(map(str, (file, *others)))
        kept = f"what was recorded so far is in {files}" if file else "nothing was recorded yet"
        super().__init__(f"interrupted; {kept}")
        self.file = file


def run(
    scenario: Scenario,
    *,
    text: str,
    file: Path,
    seed: int | None = None,
    wire: Wanted = "auto",
) -> Run:
    """Record one scenario into `file` and judge that file.

    Args:
        scenario: what to do.
        text: the scenario file as written; it travels inside the capture.
        file: the capture to write (its folder is made).
        seed: replaces the scenario's own.
        wire: what carries the packets; `auto` simulates only where the kernel wire does not work.

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
    kind = choose_for(scenario, wire)
    job = Job(scenario=scenario, text=text, file=file, engines=find_engines(scenario))
    if kind == "sim":
        _in_simulation(job)
    else:
        _in_world(job)
    with file.open("rb") as stream:
        return Run(file=file, verdict=replay(stream))


def find_missing(scenario: Scenario, wire: Wanted) -> str | None:
    """Which real balancer of a scenario cannot run here, and the remedy; None: all of them can.

    Raises:
        WorldError: the kernel wire was asked for, and this is no Linux.
    """
    for name, engine in real_balancers(scenario).items():
        place = f"$.site.balancers.{name}.engine"
        choice = choose(wire)
        if choice.kind == "sim":
            return (
                f"{place}: {engine} is a real program, which needs the kernel wire, and the wire is simulated "
                f"({choice.reason}); use another wire (harness doctor says what stands in the way), or engine: builtin"
            )
        try:
            find_engine(engine)
        except EngineError as error:
            return f"{place}: {error}"
    return None


def choose_for(scenario: Scenario, wire: Wanted) -> Kind:
    """The wire for one scenario: some need the simulated one, some the kernel's.

    Raises:
        WorldError: it needs the other wire than the one that was asked for, or a program that is not here.
    """
    needs = find_needs(scenario)
    if missing := find_missing(scenario, wire):
        raise WorldError(missing)
    if needs and wire == "kernel":
        more = f" (and {len(needs) - 1} more)" if len(needs) > 1 else ""
        raise WorldError(f"{needs[0]}{more}: this needs the simulated wire; use --wire sim or auto")
    return "sim" if needs else choose(wire).kind


def _in_simulation(job: Job) -> None:
    """Record a job in this process, in virtual time."""
    from harness.world.world import simulate

    older = _written_ns(job.file)
    try:
        if simulate(job):
            return
    except KeyboardInterrupt:
        pass  # Before the world could take notice, or in its last steps.
    raise Interrupted(job.file if _written_ns(job.file) != older else None)


def _in_world(job: Job) -> None:
    """Record a job in a process of its own, inside a private network namespace."""
    from harness.world.wire.namespace import WireError
    from harness.world.wire.process import PRELOAD, run_private
    from harness.world.world import record

    older = _written_ns(job.file)
    steps_ns = job.step_timeout_ns + sum(job.limit_ns(step) for step in job.scenario.steps)
    try:
        run_private(
            record,
            job,
            timeout_ns=steps_ns + BUILD_TIMEOUT_NS,
            preload=(*PRELOAD, WORLD),
        )
    except (WireError, ProgramError) as error:
        raise WorldError(str(error)) from error
    except KeyboardInterrupt:
        is_kept = _written_ns(job.file) != older
        raise Interrupted(job.file if is_kept else None) from None


def _written_ns(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None
