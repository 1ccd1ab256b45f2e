"""The kill matrix: which check finds which seeded defect, from stored captures alone.

`python -m tests.end_to_end.kill_matrix FOLDER FILE` judges every capture in FOLDER whose scenario switches a defect on,
and writes the table to FILE. It ends with 1 where a defect does not fail exactly the checks named for it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from fuzz.capture_blocks import stored_runs
from fuzz.judge import Tally, examine_all
from harness.checks.registry import CHECKS
from harness.replay import replay
from harness.scenario.defect import DEFECTS
from harness.verdict.outcome import Outcome

Matrix = Mapping[str, frozenset[str]]
"""Defect to the checks that failed."""

_DEFECT = re.compile(r"-([A-Z][0-9]{2})\.pcapng\Z", re.ASCII)
IDS = tuple(check.id for check in CHECKS if check.id != "completeness")
EXPLAINED = {
    "V19": "without a certificate there is no binding either (V01), and a second question leads to another node (V05)",
}
"""Checks without a defect that they alone find, and why they stay."""


EACH, SEED = 7, 1
"""Changes of each kind in each run, and what draws them."""
CHANGES = "## Random changes of stored runs"
INTRODUCTION = (
    "Observations of the runs in captures/ are changed at the level of messages: headers, ports, addresses,",
    "certificates, order; messages dropped, repeated, moved. *Noticed* is every verdict but PASS. What is `harmless`",
    "must not be noticed; of everything else nothing may survive, and nothing does.",
    "`python -m fuzz.judge --each 50` draws more.",
    "",
    "| change | breaks | made | noticed | share | as FAIL |",
    "|---|---|---|---|---|---|",
)


def find_kills(captures: Iterable[Path]) -> Matrix:
    """Judge the captures of defects again; several scenarios of one defect must agree on every check they share."""
    found: dict[str, frozenset[str]] = {}
    for capture in captures:
        match = _DEFECT.search(capture.name)
        if match is None:
            continue
        with capture.open("rb") as stream:
            verdict = replay(stream)
        failed = frozenset(r.check for r in verdict.results if r.outcome is Outcome.FAIL)
        found[match[1]] = found.get(match[1], failed) & failed
    return dict(sorted(found.items()))


def find_surviving(kills: Matrix) -> dict[str, str]:
    """Defects that were not found exactly as they should be, and how."""
    wrong = {}
    for defect in DEFECTS:
        got = kills.get(defect.id)
        if got is None:
            wrong[defect.id] = "no capture"
        elif got != set(defect.caught_by):
            wrong[defect.id] = f"failed {sorted(got)}, expected {list(defect.caught_by)}"
    return wrong


def change_stored_runs() -> tuple[Tally, ...]:
    """What becomes of random changes of the checked-in runs; the same ones in every call."""
    return tuple(examine_all(stored_runs(), each=EACH, seed=SEED)[1])


def tell_changes(tallies: Iterable[Tally]) -> list[str]:
    """A line for each kind of change."""
    lines = []
    for tally in tallies:
        promise = tally.check or "none"
        share = f"{100 * tally.killed / tally.made:.0f} %" if tally.made else "-"
        cells = (tally.name, promise, tally.made, tally.killed, share, tally.failed)
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return lines


def build_page(kills: Matrix, changes: Iterable[str] = ()) -> str:
    """The page: the table, what each check alone finds, and what became of changes to stored runs."""
    titles = {defect.id: defect.title for defect in DEFECTS}
    lines = [
        "# Kill matrix",
        "",
        "Made by `make kill-matrix`: every scenario of a seeded defect is run, and its capture judged again.",
        "`x`: the check fails.",
        "",
        "| defect | " + " | ".join(IDS) + " | what is wrong |",
        "|---|" + "---|" * (len(IDS) + 1),
    ]
    for defect, failed in kills.items():
        marks = " | ".join("x" if check in failed else " " for check in IDS)
        lines.append(f"| {defect} | {marks} | {titles.get(defect, '')} |")
    lines += ["", "| check | found by it alone | found with others |", "|---|---|---|"]
    for check in IDS:
        alone = [d for d, failed in kills.items() if failed == {check}]
        shared = [d for d, failed in kills.items() if check in failed and len(failed) > 1]
        why = " ".join(alone) or f"none: {EXPLAINED.get(check, 'see the other column')}"
        lines.append(f"| {check} | {why} | {' '.join(shared) or '-'} |")
    lines += ["", CHANGES, "", *INTRODUCTION, *changes]
    return "\n".join(lines) + "\n"


def read_page(text: str) -> Matrix:
    """The table of a page, read back."""
    kills = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == len(IDS) + 2 and re.fullmatch(r"[A-Z][0-9]{2}", cells[0]):
            marks = zip(IDS, cells[1:-1], strict=True)
            kills[cells[0]] = frozenset(check for check, mark in marks if mark == "x")
    return kills


def main(folder: str, page: str) -> int:
    """Write the page; 1 where a defect survives."""
    kills = find_kills(sorted(Path(folder).glob("*.pcapng")))
    tallies = change_stored_runs()
    Path(page).write_text(build_page(kills, tell_changes(tallies)), encoding="utf-8")
    wrong = find_surviving(kills)
    for defect, how in wrong.items():
        print(f"{defect}: {how}")  # noqa: T201 - a command
    print(f"{len(kills)} defects judged, {len(wrong)} not as they should be: {page}")  # noqa: T201
    missed = [tally.name for tally in tallies if tally.is_wrong]
    made = sum(tally.made for tally in tallies)
    print(f"{made} changes of stored runs, wrongly told: {', '.join(missed) or 'none'}")  # noqa: T201
    return 1 if wrong or missed else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:3]))
