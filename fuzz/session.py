"""Session: executions of one target, guided by coverage with atheris, or blind where atheris is missing.

Found cases are written as they are met, and fuzzing goes on. Counts are told on stderr in libFuzzer's words.
"""

from __future__ import annotations

import importlib
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fuzz.target import Target

MEMORY_EVERY = 256
"""One in so many executions is watched by tracemalloc, which makes it several times slower."""
SOWN_EACH = 6
"""Random inputs of each size that a guided target begins with."""
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
    """Random choices of every size."""
    chance = random.Random(seed)
    sizes = _sizes(max_size)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        session.execute(chance.randbytes(chance.choice(sizes)))
        if session.count & (session.count - 1) == 0:
            print(f"#{session.count}\tpulse", file=sys.stderr, flush=True)
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
        # Left alone libFuzzer tries hundreds of thousands of inputs of a few bytes first, and a target that executes
        # a hundred a second never meets the decisions that stand further back.
        "-len_control=0",
        f"-seed={seed}",
        "-timeout=600",
        "-rss_limit_mb=0",
        "-print_final_stats=1",
        str(corpus),
        str(sow(corpus, seed=seed, max_size=max_size)),
    ]
    atheris.Setup(arguments, session.execute)
    atheris.Fuzz()


def sow(corpus: Path, *, seed: int, max_size: int) -> Path:
    """Random inputs of every size in a folder beside the corpus, for the engine to begin with."""
    chance = random.Random(seed)
    folder = corpus.with_name(f"{corpus.name}.sown")
    folder.mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(_sizes(max_size) * SOWN_EACH):
        (folder / f"{number:02d}").write_bytes(chance.randbytes(size))
    return folder


def _sizes(max_size: int) -> tuple[int, ...]:
    """Bytes of inputs worth trying."""
    return (*(size for size in (4, 16, 64, 256, 1024, 4096) if size < max_size), max_size)


def import_targets(*, with_coverage: bool) -> Callable[[str], Target]:
    """What finds a target; `with_coverage`: the harness, and nothing else, tells libFuzzer its branches."""
    if not with_coverage:
        return _import()
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["harness"]):
        return _import()


def _import() -> Callable[[str], Target]:
    from fuzz.registry import find_target

    return find_target
