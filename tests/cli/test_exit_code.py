"""The exit codes of the command."""

from __future__ import annotations

import pytest

from harness.cli.exit_code import ExitCode, code_of, worst
from harness.verdict.expectation import Expectation
from harness.verdict.outcome import Outcome
from harness.verdict.verdict import CheckResult, Verdict


def verdict(outcome: Outcome, expected: Outcome | None) -> Verdict:
    """One check with this outcome; None: nothing was foreseen."""
    findings = ("V15",) if expected is Outcome.FAIL else ()
    return Verdict(
        results=(CheckResult(check="V15", promise="p", outcome=outcome),),
        mode="namespaces",
        completeness={},
        signed_in={},
        expectation=None if expected is None else Expectation(verdict=expected, findings=findings),
    )


@pytest.mark.parametrize(
    ("outcome", "expected", "code"),
    [
        pytest.param(Outcome.PASS, None, 0, id="pass"),
        pytest.param(Outcome.PASS, Outcome.PASS, 0, id="expected pass"),
        pytest.param(Outcome.FAIL, Outcome.FAIL, 0, id="expected fail"),
        pytest.param(Outcome.UNKNOWN, Outcome.UNKNOWN, 0, id="expected unknown"),
        pytest.param(Outcome.FAIL, None, 1, id="fail"),
        pytest.param(Outcome.PASS, Outcome.FAIL, 1, id="missing fail"),
        pytest.param(Outcome.UNKNOWN, None, 3, id="unknown"),
        pytest.param(Outcome.UNKNOWN, Outcome.FAIL, 3, id="unknown for fail"),
    ],
)
def test_code_of(outcome: Outcome, expected: Outcome | None, code: int) -> None:
    """As expected is 0, unknown is 3, everything else is 1."""
    assert code_of(verdict(outcome, expected)) == code


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        pytest.param((0, 0), 0, id="all well"),
        pytest.param((0, 3), 3, id="unknown over expected"),
        pytest.param((3, 1), 1, id="fail over unknown"),
        pytest.param((1, 2), 2, id="bad input over fail"),
        pytest.param((2, 4), 4, id="environment over bad input"),
        pytest.param((4, 70), 70, id="own bug over environment"),
        pytest.param((70, 130), 130, id="the user's word is the last"),
        pytest.param((), 2, id="nothing judged is not success"),
    ],
)
def test_worst(codes: tuple[int, ...], expected: int) -> None:
    """The worst wins."""
    assert worst(ExitCode(code) for code in codes) == expected
