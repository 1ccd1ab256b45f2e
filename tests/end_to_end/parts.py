"""Parts: recorded runs as others would have recorded them, judged whole and in small parts (docs/adr/0020).

A part lacks what is far away, so it may miss a finding of the whole. It must not have one that the whole lacks.

`python -m tests.end_to_end.parts FOLDER --most 8` takes every run there; the scenarios leave theirs in runs/.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from harness.decode.decode import decode
from harness.replay import examine
from harness.verdict.verdict import Verdict
from tests.split_capture import read_site, strip

Told = tuple[str, str, tuple[int, ...]]
"""Check, message and packets of a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One run."""

    whole: frozenset[Told]
    parts: frozenset[Told]


def compare(file: Path, *, most: int) -> Compared:
    """The findings on a run in one piece, and in parts of so many connections and requests."""
    with file.open("rb") as stream:
        site = read_site(decode(stream))
    data = strip(file).getvalue()
    whole, parts = (
        examine(BytesIO(data), site=site, small=0, large=0, open_file=open_file, most=most)[0]
        for open_file in (None, BytesIO)
    )
    return Compared(whole=_list(whole), parts=_list(parts))


def _list(verdict: Verdict) -> frozenset[Told]:
    return frozenset(
        (result.check, finding.message, finding.packets)
        for result in verdict.results
        for finding in result.findings
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and tell; 1 where a part had a finding of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.parts")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=8)
    options = parser.parse_args(arguments)
    count = found = kept = wrong = 0
    for file in sorted(options.folder.glob("*.pcapng")):
        compared = compare(file, most=options.most)
        count += 1
        found += len(compared.whole)
        kept += len(compared.whole & compared.parts)
        for check, message, packets in sorted(compared.parts - compared.whole):
            wrong += 1
            print(f"{file.stem}: {check}: {message} {packets}", flush=True)
    print(
        f"{count} runs: {kept} of {found} findings also in parts, {wrong} in parts alone",
        flush=True,
    )
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
