"""Fuzz every target for a time, over all cores: `make fuzz SECONDS=60`.

    python -m fuzz [--seconds S] [--jobs N] [--found DIR] [--corpus DIR] [--engine ...] [TARGET ...]

Each target gets the same share of the time. Ends with 1 when something was found, and says where.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fuzz.found import CASES, ROOT
from fuzz.registry import TARGETS, find_target
from fuzz.target import Target

SHARES = {"replay": 3, "tls": 2, "http": 2, "tcp": 2, "file": 2}
"""Targets with more to find get more of the time."""
START_S = 90
"""Wall seconds that a worker may need beside its time: imports, instrumentation, one last long input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one worker did."""

    target: str
    executions: int
    seconds: float
    coverage: str
    """Branches that libFuzzer counts, in the harness; "-" without atheris."""
    found: int
    error: str
    """Why there is no result."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; 0: nothing found, 1: something found, 70: a worker did not work."""
    options = _parse(arguments)
    targets = [find_target(name) for name in options.targets] or list(TARGETS)
    jobs = max(1, min(options.jobs, len(targets)))
    total = sum(SHARES.get(target.name, 1) for target in targets)
    before = _cases(options.found)
    print(
        f"{len(targets)} targets for {options.seconds:.0f} s on {jobs} cores, engine {options.engine}"
    )
    with ThreadPoolExecutor(jobs) as pool:
        shares = [options.seconds * jobs * SHARES.get(target.name, 1) / total for target in targets]
        works = list(pool.map(lambda t, s: _run(t, s, options), targets, shares))
    for work in works:
        _tell(work)
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


def _run(target: Target, seconds: float, options: argparse.Namespace) -> Work:
    command = [sys.executable, "-m", "fuzz.worker", target.name]
    engine = options.engine if target.is_guided else "blind"
    command += ["--seconds", f"{seconds:.1f}", "--engine", engine]
    command += ["--found", str(options.found), "--corpus", str(options.corpus)]
    command += ["--seed", str(options.seed)]
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + START_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _broken(target, time.monotonic() - began, "did not end in time")
    counts = re.findall(r"^stat::number_of_executed_units: *(\d+)", done.stderr, re.MULTILINE)
    if not counts:
        why = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return _broken(target, time.monotonic() - began, f"exit {done.returncode}: {why}")
    covered = re.findall(r"cov: (\d+)", done.stderr)
    return Work(
        target=target.name,
        executions=int(counts[-1]),
        seconds=time.monotonic() - began,
        coverage=covered[-1] if covered else "-",
        found=len(re.findall(r"^found ", done.stderr, re.MULTILINE)),
        error="",
    )


def _broken(target: Target, seconds: float, why: str) -> Work:
    return Work(target=target.name, executions=0, seconds=seconds, coverage="-", found=0, error=why)


def _tell(work: Work) -> None:
    if work.error:
        print(f"{work.target:<12} {work.error}")
        return
    rate = work.executions / max(work.seconds, 1e-9)
    print(
        f"{work.target:<12} {work.executions:>8} executions {rate:>8.0f}/s"
        f"  coverage {work.coverage:>5}  found {work.found}"
    )


if __name__ == "__main__":
    sys.exit(main())
