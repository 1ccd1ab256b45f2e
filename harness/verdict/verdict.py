"""The verdict on one trace: outcomes of all checks, merged, beside what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.trace.packet import PacketNumber
from harness.verdict.expectation import Expectation
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome, merge


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check says."""

    check: str
    """`V15`, `completeness`, `canary`."""
    promise: str
    """One sentence."""
    outcome: Outcome
    reason: str | None = None
    """Why UNKNOWN; None otherwise."""
    findings: tuple[Finding, ...] = ()
    traceback: str | None = None
    """Of a check that crashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The whole answer."""

    results: tuple[CheckResult, ...]
    mode: str
    """`namespaces`, `root namespaces`, or `foreign` for a capture that the harness did not record."""
    completeness: Mapping[str, object]
    """The ledger, as plain JSON values."""
    signed_in: Mapping[str, str]
    """Device name to the user that the service said it signed in."""
    expectation: Expectation | None = None
    notes: tuple[str, ...] = ()
    """How several views of the event became one: clocks, connections seen twice."""
    sources: Mapping[PacketNumber, tuple[str, PacketNumber]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Several files: file and packet there of every packet that a finding names."""

    @property
    def outcome(self) -> Outcome:
        """All results merged."""
        return merge(result.outcome for result in self.results)

    @property
    def failing(self) -> tuple[str, ...]:
        """Ids of the checks that fail, in registry order."""
        return tuple(r.check for r in self.results if r.outcome is Outcome.FAIL)

    @property
    def as_expected(self) -> bool:
        """Exactly what the scenario foresees; without an expectation: PASS."""
        expected = self.expectation or Expectation()
        return not expected.differences(
            outcome=self.outcome, failing=self.failing, signed_in=self.signed_in
        )
