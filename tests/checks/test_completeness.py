"""completeness: PASS or UNKNOWN, never FAIL."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.completeness import COMPLETENESS
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.trace_builder import CLUSTER, TraceBuilder


def test_a_whole_capture_passes() -> None:
    """Nothing is missing."""
    assert result_of(COMPLETENESS, TraceBuilder()).outcome is Outcome.PASS


def test_a_drop_is_unknown_with_the_reason() -> None:
    """The kernel's counter, and no finding."""
    trace = TraceBuilder().build()
    dropped = replace(trace, taps=tuple(replace(t, dropped=1, received=3) for t in trace.taps))
    result = result_of(COMPLETENESS, dropped, CLUSTER)

    assert result.outcome is Outcome.UNKNOWN
    assert "the kernel dropped 1 packets" in (result.reason or "")
    assert result.findings == ()


def test_an_empty_file_is_unknown() -> None:
    """No packets, no claim."""
    assert result_of(COMPLETENESS, Trace(), CLUSTER).outcome is Outcome.UNKNOWN
