"""Shift: one process that fuzzes some targets one after another, each in a child of its own, until a time.

    python -m fuzz.shift TARGET ... --seconds S --found DIR --corpus DIR [--engine atheris|blind] [--seed N]

The harness is imported (and with atheris instrumented, which takes seconds) once. What is left of the time is shared
out anew before each target, so a slow start or a long input costs everybody something, and nobody everything.
Each target's work is told as a line of JSON on stdout as soon as it is done.
"""

from __future__ import annotations

import argparse
import os
import resource
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz.session import DRY_INPUT, Session, fuzz_blind, fuzz_guided, import_targets
from fuzz.work import Work, read_work

if TYPE_CHECKING:
    from fuzz.target import Target

SHARES = {"replay": 3, "tls": 2, "http": 2, "tcp": 2, "file": 2}
"""Targets with more to find get more of the time."""
GRACE_S = 5.0
"""Wall seconds for the input at which the time of a target ends; then it is stopped."""
LEAST_S = 1.0
"""Wall seconds that are worth starting a target for: libFuzzer counts whole ones."""
MEMORY_LIMIT = 3 << 30
"""Bytes of address space of a target: what asks for more gets MemoryError, which is a found case."""


def weigh(targets: Sequence[str]) -> int:
    """The shares of these targets together."""
    return sum(SHARES.get(name, 1) for name in targets)


def work_shift(
    targets: Sequence[str],
    *,
    until: float,
    clock: Callable[[], float],
    fuzz: Callable[[str, float], Work],
) -> None:
    """Fuzz each target for its share of what is left until then, and tell what it did.

    Args:
        targets: their names, in turn.
        until: by `clock`, in seconds.
        clock: the time now.
        fuzz: fuzzes one target for so many seconds.
    """
    for at, name in enumerate(targets):
        left = until - clock()
        share = left * weigh((name,)) / weigh(targets[at:])
        if share < LEAST_S:
            short = f"left out: {max(share, 0):.1f} s were left for it; give --seconds more"
            work = Work(target=name, executions=0, seconds=0.0, shortfall=short)
        else:
            work = fuzz(name, share)
        print(work.encode_line(), flush=True)


def fork(
    target: Target, seconds: float, options: argparse.Namespace, *, grace_s: float = GRACE_S
) -> Work:
    """Fuzz one target in a child, which is stopped when it does not end in time."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as log:
        child = os.fork()
        if child == 0:
            _fuzz_here(target, seconds, options, log.fileno())
        is_late = True
        try:
            is_late = not _ends_within(child, seconds + grace_s)
        finally:
            if is_late:
                os.kill(child, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        log.seek(0)
        text = log.read().decode(errors="replace")
    return read_work(
        target.name,
        log=text,
        seconds=time.monotonic() - began,
        shortfall=f"stopped {grace_s:.0f} s after its time, inside one input" if is_late else "",
        exit_code=code,
    )


def _ends_within(child: int, seconds: float) -> bool:
    handle = os.pidfd_open(child)
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def _fuzz_here(target: Target, seconds: float, options: argparse.Namespace, log: int) -> None:
    """In the child: never returns."""
    began, code = time.monotonic(), 1
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        # The first execution fills caches, makes conversations, and shows that the target works at all.
        session = Session(target, options.found)
        session.execute(DRY_INPUT)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
        left = max(seconds - (time.monotonic() - began), 0.0)
        if options.engine == "atheris":
            corpus = options.corpus / target.name
            fuzz_guided(
                session, seconds=left, seed=options.seed, max_size=target.max_size, corpus=corpus
            )
        else:
            fuzz_blind(session, seconds=left, seed=options.seed, max_size=target.max_size)
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Work one shift."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m fuzz.shift")
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    parser.add_argument("--seconds", type=float, required=True, help="wall time, starting included")
    parser.add_argument("--found", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--engine", choices=("atheris", "blind"), default="blind")
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the child does not stay
    find = import_targets(with_coverage=options.engine == "atheris")
    work_shift(
        options.targets,
        until=began + options.seconds,
        clock=time.monotonic,
        fuzz=lambda name, seconds: fork(find(name), seconds, options),
    )


if __name__ == "__main__":
    main()
