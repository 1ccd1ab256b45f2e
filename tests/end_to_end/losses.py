"""Losses: good runs of which packets are missing in the file. What is missing may be anything, so nothing may FAIL.

`python -m tests.end_to_end.losses FOLDER --each 20 --seed 1` takes every run there that passes.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from fuzz.capture_blocks import PACKET, RawBlock, join_blocks, split_blocks
from harness.replay import replay
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import Verdict

_MAX_SIZE = 600_000
"""Bytes; larger runs take too long."""


def lose(blocks: Sequence[RawBlock], random: Random) -> bytes:
    """The file without some of its packets: one, a few, a tenth, a run of them, all before or all behind one."""
    packets = [index for index, block in enumerate(blocks) if block.kind == PACKET]
    at = random.randrange(len(packets))
    ways = (
        {packets[at]},
        set(random.sample(packets, min(len(packets), random.randrange(2, 8)))),
        {index for index in packets if random.random() < 0.1},
        set(packets[at : at + random.randrange(2, 40)]),
        set(packets[:at]),
        set(packets[at:]),
    )
    gone = random.choice(ways)
    return join_blocks(block for index, block in enumerate(blocks) if index not in gone)


def judge(file: Path, *, each: int, seed: int) -> Iterator[Verdict]:
    """The verdicts on a run with packets missing, `each` times; nothing where it does not pass with all of them."""
    data = file.read_bytes()
    if len(data) > _MAX_SIZE or replay(io.BytesIO(data)).outcome is not Outcome.PASS:
        return
    blocks = split_blocks(data)
    for index in range(each):
        yield replay(io.BytesIO(lose(blocks, Random(f"{seed}/{file.stem}/{index}"))))


def tell(verdict: Verdict) -> str:
    """What failed first."""
    result = next(r for r in verdict.results if r.outcome is Outcome.FAIL)
    return f"{result.check}: {result.findings[0].message}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, and tell; 1 where anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.losses")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    count = wrong = 0
    for file in sorted(options.folder.glob("*.pcapng")):
        for verdict in judge(file, each=options.each, seed=options.seed):
            count += 1
            if verdict.outcome is Outcome.FAIL:
                wrong += 1
                print(f"{file.stem}: {tell(verdict)}", flush=True)
    print(f"{count} good runs with packets missing, {wrong} false alarms")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
