"""Is the judge awake? Stored runs that PASS, changed as observations: how many changes does some check notice?

    python -m fuzz.judge [CAPTURE ...] [--each N] [--seed N]

Prints the share noticed (killed) by kind of change, changes a second, and the survivors. Ends with 1 when a change
survived that breaks the promise of an implemented check, or when one was noticed that is harmless.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz.capture_blocks import stored_runs
from fuzz.hearing import Hearing, Noticed
from fuzz.judge_mutants import HARMLESS, KINDS
from fuzz.scene import Scene, load_scene
from harness.replay import judge_trace
from harness.verdict.outcome import Outcome


@dataclass(slots=True)
class Tally:
    """What became of the changes of one kind."""

    name: str
    check: str
    made: int = 0
    killed: int = 0
    by_promised: int = 0
    """Of the killed: the check that promises it was FAIL, or UNKNOWN, itself."""
    failed: int = 0
    """Of the killed: some check is FAIL, not only UNKNOWN."""
    survivors: list[str] = field(default_factory=list)
    """Runs in which a change survived."""

    @property
    def is_wrong(self) -> bool:
        """A promise is broken unseen, or a harmless change is complained about."""
        if self.check == HARMLESS:
            return self.killed > 0
        return bool(self.check) and self.killed < self.made

    def note(self, run: str, noticed: Noticed) -> None:
        """Count one changed run."""
        self.made += 1
        if noticed.outcome is Outcome.PASS:
            self.survivors.append(run)
            return
        self.killed += 1
        self.failed += noticed.outcome is Outcome.FAIL
        self.by_promised += noticed.is_by_promised


def load_scenes(paths: Iterable[Path]) -> Iterator[Scene]:
    """Those runs that PASS: of the others nothing is left to notice."""
    for path in paths:
        scene = load_scene(path)
        if judge_trace(scene.trace).outcome is Outcome.PASS:
            yield scene


def examine(scenes: Sequence[Scene], *, each: int, seed: int) -> list[Tally]:
    """Change every run `each` times in every way."""
    tallies = _begin()
    hearings = {scene.name: Hearing(scene.trace, scene.site) for scene in scenes}
    for kind, tally in zip(KINDS, tallies, strict=True):
        for scene in scenes:
            random = Random(f"{seed}/{kind.name}/{scene.name}")
            for _ in range(each):
                trace = kind.make(scene, random)
                if trace is None:
                    break
                tally.note(scene.name, hearings[scene.name].judge(trace, promised=kind.check))
    return tallies


def examine_all(paths: Sequence[Path], *, each: int, seed: int) -> tuple[int, list[Tally]]:
    """Every run that passes, on all cores: how many they are, and what became of their changes."""
    jobs = max(1, min(os.cpu_count() or 1, len(paths)))
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        shares = (paths[i::jobs] for i in range(jobs))
        done = [f.result() for f in [pool.submit(_examine_files, s, each, seed) for s in shares]]
    return sum(passing for passing, _ in done), _sum(tallies for _, tallies in done)


def _begin() -> list[Tally]:
    return [Tally(kind.name, kind.check) for kind in KINDS]


def _examine_files(paths: Sequence[Path], each: int, seed: int) -> tuple[int, list[Tally]]:
    """In a process of its own: how many of these runs pass, and what became of the changes."""
    scenes = tuple(load_scenes(paths))
    return len(scenes), examine(scenes, each=each, seed=seed)


def _sum(parts: Iterable[list[Tally]]) -> list[Tally]:
    sums = _begin()
    for part in parts:
        for total, tally in zip(sums, part, strict=True):
            total.made += tally.made
            total.killed += tally.killed
            total.failed += tally.failed
            total.by_promised += tally.by_promised
            total.survivors += tally.survivors
    return sums


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine, and tell."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.judge")
    parser.add_argument("captures", nargs="*", type=Path, help="the stored runs, if none is named")
    parser.add_argument("--each", type=int, default=3, help="changes of each kind in each run")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    paths = tuple(options.captures or stored_runs())
    began = time.monotonic()
    count, tallies = examine_all(paths, each=options.each, seed=options.seed)
    seconds = time.monotonic() - began
    # The machine may be busy: what a change costs is told by the work, which the processes of the pool have done.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_s = max(used.ru_utime + used.ru_stime, 1e-3)
    for tally in tallies:
        print(_line(tally))
    made = sum(t.made for t in tallies)
    promised = [t for t in tallies if t.check not in ("", HARMLESS)]
    killed, of = sum(t.killed for t in promised), sum(t.made for t in promised)
    print(
        f"{made} changes of {count} runs in {seconds:.1f} s, {processor_s:.1f} s of processor time:"
        f" {made / processor_s:.0f} a second and core"
    )
    print(f"promised: {killed} of {of} noticed ({100 * killed / max(of, 1):.1f} %)")
    wrong = [t for t in tallies if t.is_wrong]
    for tally in wrong:
        runs = ", ".join(sorted(set(tally.survivors))) or "noticed, though harmless"
        print(f"WRONG {tally.name} ({tally.check}): {runs}")
    return 1 if wrong or not of else 0


def _line(tally: Tally) -> str:
    if not tally.made:
        return f"{tally.name:<46} {tally.check:<12}    -  no run has it"
    return (
        f"{tally.name:<46} {tally.check or 'no promise':<12} {tally.killed:>4} of {tally.made:<4} noticed,"
        f" {tally.failed} as FAIL, {tally.by_promised} by the check itself"
    )


if __name__ == "__main__":
    sys.exit(main())
