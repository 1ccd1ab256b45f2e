"""The verdict: merged results beside what was expected."""

from __future__ import annotations

from collections.abc import Mapping

from harness.net.address import Endpoint
from harness.trace.packet import PacketNumber
from harness.verdict.expectation import Expectation
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult, Verdict
from tests.trace_builder import N1


def _result(check: str, outcome: Outcome) -> CheckResult:
    finding = Finding(message="m", packets=(PacketNumber(1),), endpoints=(Endpoint(N1, 1),))
    findings = (finding,) if outcome is Outcome.FAIL else ()
    return CheckResult(check=check, promise="p", outcome=outcome, findings=findings)


def _verdict(expectation: Expectation | None = None, **outcomes: Outcome) -> Verdict:
    signed_in: Mapping[str, str] = {}
    results = tuple(_result(check, outcome) for check, outcome in outcomes.items())
    return Verdict(
        results=results, mode="m", completeness={}, signed_in=signed_in, expectation=expectation
    )


def test_the_outcome_is_merged_and_failing_checks_keep_their_order() -> None:
    """UNKNOWN ones are not failing."""
    verdict = _verdict(V09=Outcome.FAIL, V05=Outcome.UNKNOWN, V06=Outcome.FAIL)

    assert (verdict.outcome, verdict.failing) == (Outcome.FAIL, ("V09", "V06"))


def test_without_results_nothing_is_known() -> None:
    """No checks, no claim."""
    assert _verdict().outcome is Outcome.UNKNOWN


def test_without_an_expectation_pass_is_expected() -> None:
    """A foreign capture that fails is a failure."""
    assert _verdict(V05=Outcome.PASS).as_expected
    assert not _verdict(V05=Outcome.UNKNOWN).as_expected
    assert not _verdict(V05=Outcome.FAIL).as_expected


def test_a_foreseen_failure_is_as_expected() -> None:
    """If it is exactly the foreseen one."""
    foreseen = Expectation(verdict=Outcome.FAIL, findings=("V05",))

    assert _verdict(foreseen, V05=Outcome.FAIL, V06=Outcome.PASS).as_expected
    assert not _verdict(foreseen, V05=Outcome.FAIL, V06=Outcome.FAIL).as_expected
    assert not _verdict(foreseen, V05=Outcome.PASS).as_expected
