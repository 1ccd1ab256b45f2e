"""The report on a terminal: one verdict told in full, and many in a table."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.report.text import align, fold_numbers, printable
from harness.trace.packet import PacketNumber
from harness.verdict.expectation import Expectation
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult, Verdict

FINDINGS_SHOWN: Final = 10
"""Of one check; the JSON has all of them."""


def tell(verdict: Verdict, *, name: str, file: str) -> str:
    """One verdict for a reader who has not seen the run.

    The first five lines of a FAIL say which promise broke, who was involved (hosts, addresses, ports), in which
    packets, and the command that shows these packets.

    Args:
        verdict: what to tell.
        name: how the reader calls the run.
        file: the capture, as the reader would type it.

    Returns:
        Lines without a line end after the last.
    """
    lines = [_headline(verdict, name)]
    lines += _failures(verdict, file)
    lines += _differences(verdict, file)
    lines += _unknowns(verdict)
    lines += _facts(verdict, file)
    return printable_lines(lines)


def tell_briefly(verdict: Verdict, *, name: str) -> str:
    """One line: what a list of runs in progress needs."""
    return printable(_headline(verdict, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run of many."""

    name: str
    verdict: Verdict
    duration_ns: int


def build_table(rows: Sequence[Row]) -> str:
    """All runs, one line each, and a line that counts them."""
    head = ("run", "verdict", "as expected", "failing checks", "signed in", "seconds")
    cells = [head, *(_cells(row) for row in rows)]
    wrong = [row.name for row in rows if not row.verdict.as_expected]
    total = f"{len(rows)} run{'' if len(rows) == 1 else 's'}, {len(rows) - len(wrong)} as expected"
    if wrong:
        total += f", {len(wrong)} not: {', '.join(wrong)}"
    return f"{align(cells)}\n{printable(total)}"


def printable_lines(lines: Iterable[str]) -> str:
    """The lines, made safe one by one, joined."""
    return "\n".join(printable(line) for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    verdict = row.verdict
    return (
        printable(row.name),
        verdict.outcome.value.upper(),
        "yes" if verdict.as_expected else "NO",
        " ".join(verdict.failing) or "-",
        str(len(verdict.signed_in)),
        f"{row.duration_ns / 1e9:.2f}",
    )


def _headline(verdict: Verdict, name: str) -> str:
    outcome = verdict.outcome.value.upper()
    broken = f": {' '.join(verdict.failing)}" if verdict.failing else _only_reason(verdict)
    return (
        f"{outcome}  {name}{broken} ({'as expected' if verdict.as_expected else 'NOT as expected'})"
    )


def _only_reason(verdict: Verdict) -> str:
    """What keeps every check from an answer, where that is one and the same thing."""
    reasons = {
        result.reason if result.outcome is Outcome.UNKNOWN else None for result in verdict.results
    }
    reason = reasons.pop() if len(reasons) == 1 else None
    return f": {reason}" if reason else ""


def _failures(verdict: Verdict, file: str) -> Iterator[str]:
    for result in verdict.results:
        if result.outcome is not Outcome.FAIL:
            continue
        foreseen = result.check in (verdict.expectation or Expectation()).findings
        yield f"{result.check} broke{' (as expected)' if foreseen else ''}: {result.promise}"
        for finding in result.findings[:FINDINGS_SHOWN]:
            yield from _finding(verdict, finding, file)
        more = len(result.findings) - FINDINGS_SHOWN
        if more > 0:
            yield f"  and {more} more of {result.check}; --json has them all"


def _finding(verdict: Verdict, finding: Finding, file: str) -> Iterator[str]:
    ends = " ".join(dict.fromkeys(str(endpoint) for endpoint in finding.endpoints))
    places = _places(verdict, finding, file)
    yield f"  {finding.message}"
    several = [f"{fold_numbers(numbers)} of {name}" for name, numbers in places.items()]
    packets = " and ".join(several) if verdict.sources else fold_numbers(finding.packets)
    yield f"  packets {packets}, between {ends}"
    shown = [f"{shlex.quote(name)} {fold_numbers(numbers)}" for name, numbers in places.items()]
    yield f"  show them: {' && '.join(f'harness show {one}' for one in shown)}"


def _places(
    verdict: Verdict, finding: Finding, file: str
) -> Mapping[str, tuple[PacketNumber, ...]]:
    """The packets by file: all of one, or where each of them was before files were merged."""
    if not verdict.sources:
        return {file: finding.packets}
    places: dict[str, tuple[PacketNumber, ...]] = {}
    for number in finding.packets:
        name, there = verdict.sources[number]
        places[name] = (*places.get(name, ()), there)
    return {name: tuple(sorted(numbers)) for name, numbers in places.items()}


def _differences(verdict: Verdict, file: str) -> Iterator[str]:
    if verdict.as_expected:
        return
    expected = verdict.expectation or Expectation()
    source = "" if verdict.expectation else " (no expectation in the file: PASS is expected)"
    found = expected.differences(
        outcome=verdict.outcome, failing=verdict.failing, signed_in=verdict.signed_in
    )
    for difference in found:
        yield f"not as expected: {difference}{source}"
    device = expected.find_other(verdict.signed_in)
    if device is not None and not verdict.sources:
        yield f"  see why: harness replay {shlex.quote(file)} --explain {shlex.quote(device)}"


def _unknowns(verdict: Verdict) -> Iterator[str]:
    by_reason: dict[str, list[CheckResult]] = {}
    for result in verdict.results:
        if result.outcome is Outcome.UNKNOWN:
            by_reason.setdefault(result.reason or "no reason given", []).append(result)
    for reason, results in by_reason.items():
        yield f"{' '.join(result.check for result in results)} unknown: {reason}"
        for result in results:
            yield from _crash(result)
    if not verdict.results:
        yield "unknown: no check was made"


def _crash(result: CheckResult) -> Iterator[str]:
    if result.traceback is not None:
        yield f"  {result.check} itself crashed; this is a bug of the harness, please report:"
        yield from (f"    {line}" for line in result.traceback.splitlines())


def _facts(verdict: Verdict, file: str) -> Iterator[str]:
    held = [result.check for result in verdict.results if result.outcome is Outcome.PASS]
    if held:
        yield f"held: {' '.join(held)}"
    if verdict.signed_in:
        yield f"signed in: {_people(verdict.signed_in)}"
    yield from (f"merged: {note}" for note in verdict.notes)
    yield f"recorded in: {verdict.mode}; capture: {file}"


def _people(signed_in: Mapping[str, str], shown: int = 5) -> str:
    people = [f"{device} as {user}" for device, user in signed_in.items()]
    more = len(people) - shown
    return ", ".join(people[:shown]) + (f", and {more} more" if more > 0 else "")
