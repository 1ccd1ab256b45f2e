"""All checks together: each seeded defect fails exactly its checks, what is right fails none, losses never pass."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.checks.check import examine
from harness.checks.registry import CHECKS
from harness.scenario.defect import DEFECTS, Defect
from harness.site.site import Site
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from tests.checks.examining import failing, make_case
from tests.defect_traces import DEFECTIVE, WITHSTOOD
from tests.lost_evidence import without_keys, without_packet
from tests.right_traces import RIGHT
from tests.trace_builder import TraceBuilder

GOOD = {**RIGHT, **WITHSTOOD}
ALL: dict[str, Callable[[], TraceBuilder]] = {**GOOD, **DEFECTIVE}

Outcomes = dict[str, Outcome]


def test_the_checks_are_those_of_the_catalogue() -> None:
    """One check for each promise, in the order of the report, each with its needs."""
    numbers = (*range(1, 24), 26)
    expected = ["completeness", *(f"V{number:02}" for number in numbers)]

    assert [check.id for check in CHECKS] == expected
    assert [check.id for check in CHECKS if not check.needs] == []


@pytest.mark.parametrize("defect", [d for d in DEFECTS if d.id in DEFECTIVE], ids=lambda d: d.id)
def test_a_defect_fails_exactly_its_checks(defect: Defect) -> None:
    """The kill matrix: no check too few, none too many, none UNKNOWN."""
    assert failing(DEFECTIVE[defect.id]()) == defect.caught_by


@pytest.mark.parametrize("name", GOOD, ids=str)
def test_what_is_right_fails_nothing(name: str) -> None:
    """No alarm, and nothing left open: attacks withstood, and the catalogue's list of false alarms."""
    assert failing(GOOD[name]()) == ()


def test_every_check_kills_a_defect_that_no_other_kills_or_stands_here() -> None:
    """A check that adds nothing is found out; completeness finds losses, not defects."""
    alone = {defect.caught_by[0] for defect in DEFECTS if len(defect.caught_by) == 1}

    # V19 fails beside V01 or V05 in every seeded defect.
    assert {check.id for check in CHECKS} - alone == {"completeness", "V19"}


def _kinds_of_tests(check: str) -> set[str]:
    """Which outcomes the tests of a check assert."""
    (file,) = Path(__file__).parent.glob(f"test_{check.lower()}*.py")
    tree = ast.parse(file.read_text("utf-8"))
    tests = [ast.unparse(n) for n in tree.body if getattr(n, "name", "").startswith("test_")]
    return (
        {"pass" for test in tests if "Outcome.PASS" in test}
        | {"unknown" for test in tests if "Outcome.UNKNOWN" in test}
        | {"fail" for test in tests if ".findings" in test or "Outcome.FAIL" in test}
        | {"packets" for test in tests if "finding.packets" in test or "s[0].packets" in test}
    )


@pytest.mark.parametrize("check", [c.id for c in CHECKS])
def test_each_check_has_its_three_tests(check: str) -> None:
    """One that passes, one that fails and looks at the packets, one that is unknown."""
    wanted = {"pass", "fail", "packets", "unknown"}

    # What is missing in a capture shows in no finding.
    assert _kinds_of_tests(check) >= (
        wanted - {"fail", "packets"} if check == "completeness" else wanted
    )


def _outcomes(trace: Trace, site: Site) -> Outcomes:
    case = make_case(trace, site)
    return {check.id: examine(check, case).outcome for check in CHECKS}


def _wrong(before: Outcomes, after: Outcomes) -> list[str]:
    """Checks that fail only because something was lost, or pass where they failed."""
    return [
        check
        for check, outcome in after.items()
        if (outcome is Outcome.FAIL and before[check] is not Outcome.FAIL)
        or (outcome is Outcome.PASS and before[check] is Outcome.FAIL)
    ]


def _without_keys(builder: TraceBuilder) -> Iterator[tuple[str, Outcomes]]:
    trace = builder.build()
    for connection in trace.connections:
        if connection.tls is not None:
            yield (
                f"keys of {connection.number}",
                _outcomes(without_keys(trace, connection.number), builder.site),
            )


def _without_packets(builder: TraceBuilder) -> Iterator[tuple[str, Outcomes]]:
    trace = builder.build()
    for packet in trace.packets:
        yield (
            f"packet {packet.number}",
            _outcomes(without_packet(trace, packet.number), builder.site),
        )


@pytest.mark.parametrize("name", ALL, ids=str)
def test_lost_keys_neither_acquit_nor_accuse(name: str) -> None:
    """Without the keys of any one connection no check turns from FAIL to PASS, or to FAIL."""
    builder = ALL[name]()
    before = _outcomes(builder.build(), builder.site)

    assert [
        (lost, wrong) for lost, after in _without_keys(builder) if (wrong := _wrong(before, after))
    ] == []


@pytest.mark.parametrize("name", ALL, ids=str)
def test_a_lost_packet_neither_acquits_nor_accuses(name: str) -> None:
    """Without any one packet nothing passes any more, and nothing fails that did not."""
    builder = ALL[name]()
    before = _outcomes(builder.build(), builder.site)
    losses = dict(_without_packets(builder))

    assert [
        (lost, wrong) for lost, after in losses.items() if (wrong := _wrong(before, after))
    ] == []
    assert [lost for lost, after in losses.items() if Outcome.PASS in after.values()] == []
