"""Fuzz every target for a time, over all cores: `make fuzz SECONDS=60`.

    python -m fuzz [--seconds S] [--jobs N] [--found DIR] [--corpus DIR] [--engine ...] [TARGET ...]

The time is wall time of all together, starting included, and is kept: what a target did not get is said. Ends with 1
when something was found, and says where.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz.found import CASES, ROOT
from fuzz.registry import TARGETS, find_target
from fuzz.shift import GRACE_S, weigh
from fuzz.target import Target
from fuzz.work import Work, parse_work

Lane = list[tuple[str, list[str]]]
"""What one core does in turn: an engine, and the targets that it drives."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; 0: nothing found, 1: something found, 70: a worker did not work."""
    options = _parse(arguments)
    targets = [find_target(name) for name in options.targets] or list(TARGETS)
    lanes = share_out(targets, jobs=max(options.jobs, 1), engine=options.engine)
    before = _cases(options.found)
    print(
        f"{len(targets)} targets for {options.seconds:.0f} s on {len(lanes)} cores, engine {options.engine}",
        flush=True,
    )
    until = time.monotonic() + options.seconds
    with ThreadPoolExecutor(len(lanes)) as pool:
        works = [
            w
            for lane in pool.map(lambda lane: list(_work(lane, until, options)), lanes)
            for w in lane
        ]
    rate = sum(work.executions for work in works) / max(options.seconds, 1e-9)
    print(
        f"{sum(work.executions for work in works)} executions, {rate:.0f} a second over all cores"
    )
    new = sorted(_cases(options.found) - before)
    for case in new:
        print(f"FOUND {case}")
    print(f"found cases are kept in {options.found}; fixed ones go to {CASES.relative_to(ROOT)}")
    if new:
        return 1
    return 70 if any(work.error for work in works) else 0


def share_out(targets: Sequence[Target], *, jobs: int, engine: str) -> list[Lane]:
    """Lanes of about the same weight, at most `jobs`, none empty; what needs no coverage runs blind, after the rest."""
    lanes: list[Lane] = [[] for _ in range(min(jobs, len(targets)))]
    for kind in ("atheris", "blind"):
        names = [t.name for t in targets if (engine if t.is_guided else "blind") == kind]
        for name in sorted(names, key=lambda name: -weigh((name,))):
            lane = min(lanes, key=_weigh_lane)
            if not lane or lane[-1][0] != kind:
                lane.append((kind, []))
            lane[-1][1].append(name)
    return lanes


def _weigh_lane(lane: Lane) -> int:
    return sum(weigh(names) for _, names in lane)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help="all of them, if none is named"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="wall time for all together")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--found", type=Path, default=ROOT / "build" / "fuzz" / "found")
    parser.add_argument("--corpus", type=Path, default=ROOT / "build" / "fuzz" / "corpus")
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    has_atheris = importlib.util.find_spec("atheris") is not None
    parser.add_argument(
        "--engine", choices=("atheris", "blind"), default="atheris" if has_atheris else "blind"
    )
    options = parser.parse_args(arguments)
    if options.seconds <= 0:
        parser.error(f"--seconds: got {options.seconds}; expected more than 0")
    return options


def _cases(folder: Path) -> set[Path]:
    return set(folder.glob("*.case"))


def _work(lane: Lane, until: float, options: argparse.Namespace) -> Iterator[Work]:
    """Each part of a lane gets its share of what is left."""
    for at, (engine, names) in enumerate(lane):
        left = max(until - time.monotonic(), 0.0)
        yield from _start(engine, names, left * weigh(names) / _weigh_lane(lane[at:]), options)


def _start(
    engine: str, names: list[str], seconds: float, options: argparse.Namespace
) -> Iterator[Work]:
    """One shift; what it did not tell of in time was left out."""
    command = [sys.executable, "-m", "fuzz.shift", *names]
    command += ["--seconds", f"{seconds:.1f}", "--engine", engine]
    command += ["--found", str(options.found), "--corpus", str(options.corpus)]
    command += ["--seed", str(options.seed or random.SystemRandom().randrange(1, 1 << 31))]
    shift = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        out, errors = shift.communicate(timeout=seconds + 2 * GRACE_S)
    except subprocess.TimeoutExpired:
        shift.terminate()
        out, errors = shift.communicate()
        why = f"left out: its process had not come so far after {seconds + 2 * GRACE_S:.0f} s"
    else:
        why = ""
    works = [parse_work(line) for line in out.splitlines() if line.startswith("{")]
    last = (errors.strip().splitlines() or ["no output"])[-1]
    for work in works:
        _tell(work)
        yield work
    for name in names[len(works) :]:
        error = "" if why else f"exit {shift.returncode}: {last}"
        work = Work(target=name, executions=0, seconds=0.0, shortfall=why, error=error)
        _tell(work)
        yield work


def _tell(work: Work) -> None:
    if work.error or not work.executions:
        print(f"{work.target:<14} {work.error or work.shortfall}", flush=True)
        return
    rate = work.executions / max(work.seconds, 1e-9)
    print(
        f"{work.target:<14} {work.executions:>8} executions {rate:>8.0f}/s {work.seconds:>6.0f} s"
        f"  coverage {work.coverage:>5}  found {work.found}  {work.shortfall}".rstrip(),
        flush=True,
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
