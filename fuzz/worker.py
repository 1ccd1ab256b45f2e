"""One process that fuzzes one target for a time: guided by coverage with atheris, or blind where atheris is missing.

    python -m fuzz.worker TARGET --seconds S --found DIR --corpus DIR [--engine atheris|blind] [--seed N]

Found cases are written as they are met, and fuzzing goes on. Counts are told on stderr in libFuzzer's words.
"""

from __future__ import annotations

import argparse
import importlib
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fuzz.target import Target

MEMORY_LIMIT = 3 << 30
"""Bytes of address space of a worker: what asks for more gets MemoryError, which is a found case."""
MEMORY_EVERY = 256
"""One in so many executions is watched by tracemalloc, which makes it several times slower."""
DRY_INPUT = b""


class Session:
    """Executions of one target, counted; what breaks is kept."""

    def __init__(self, target: Target, found: Path) -> None:
        """Begin with no execution."""
        from fuzz.found import Keeper

        self._target = target
        self._keeper = Keeper(folder=found, target=target.name)
        self.count = 0

    def execute(self, data: bytes) -> None:
        """Grow and check one input; nothing is raised but what ends the process."""
        from fuzz.bound import TooSlow, run_bounded
        from fuzz.choices import Choices

        material = self._target.grow(Choices(data))
        self.count += 1
        try:
            run_bounded(
                self._target.check,
                material,
                patience_s=self._target.patience_s,
                with_memory=self.count % MEMORY_EVERY == 0,
            )
        except (Exception, TooSlow) as error:  # noqa: BLE001 - whatever it is, it is what was looked for
            self._keep(material, error)

    def _keep(self, material: bytes, error: BaseException) -> None:
        path = self._keeper.keep(material, error)
        if path is not None:
            print(f"found {path}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)

    def report(self) -> None:
        """The count, as libFuzzer gives its own."""
        print(f"stat::number_of_executed_units: {self.count}", file=sys.stderr)


def fuzz_blind(session: Session, *, seconds: float, seed: int, max_size: int) -> None:
    """Random choices of every size, the empty ones first."""
    chance = random.Random(seed)
    sizes = tuple(size for size in (4, 16, 64, 256, 1024, 4096) if size < max_size)
    end = time.monotonic() + seconds
    session.execute(DRY_INPUT)
    while time.monotonic() < end:
        session.execute(chance.randbytes(chance.choice((*sizes, max_size))))
    session.report()


def fuzz_guided(
    session: Session, *, seconds: float, seed: int, max_size: int, corpus: Path
) -> None:
    """Use libFuzzer through atheris; it ends the process itself."""
    atheris: Any = importlib.import_module("atheris")

    corpus.mkdir(parents=True, exist_ok=True)
    arguments = [
        sys.argv[0],
        f"-max_total_time={max(int(seconds), 1)}",
        f"-max_len={max_size}",
        f"-seed={seed}",
        "-timeout=600",
        "-rss_limit_mb=0",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup(arguments, session.execute)
    atheris.Fuzz()


def main() -> None:
    """Run one worker."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.worker")
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--found", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--engine", choices=("atheris", "blind"), default="blind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    find = _import_instrumented() if options.engine == "atheris" else _import()
    target = find(options.target)
    # The first execution fills caches, makes conversations, and shows that the target works at all.
    session = Session(target, options.found)
    session.execute(DRY_INPUT)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    seed = options.seed or random.SystemRandom().randrange(1, 1 << 31)
    if options.engine == "atheris":
        fuzz_guided(
            session,
            seconds=options.seconds,
            seed=seed,
            max_size=target.max_size,
            corpus=options.corpus / target.name,
        )
    else:
        fuzz_blind(session, seconds=options.seconds, seed=seed, max_size=target.max_size)


def _import() -> Callable[[str], Target]:
    from fuzz.registry import find_target

    return find_target


def _import_instrumented() -> Callable[[str], Target]:
    """The targets, with the harness (and nothing else) reporting its branches to libFuzzer."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["harness"]):
        return _import()


if __name__ == "__main__":
    main()
