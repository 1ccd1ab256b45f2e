"""What a scenario foresees, as it travels inside the capture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.verdict.outcome import Outcome

SHOWN = 5
"""Devices named at most in one difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Verdict, the failing checks (exactly these), and who is signed in (exactly these; None: not stated)."""

    verdict: Outcome = Outcome.PASS
    findings: tuple[str, ...] = ()
    signed_in: Mapping[str, str] | None = field(default=None)

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Expectation:
        """Read `{"verdict", "findings", "signed_in"}`; missing keys take the defaults.

        Raises:
            ValueError: a value of the wrong kind.
        """
        findings = data.get("findings", ())
        signed_in = data.get("signed_in")
        if not isinstance(findings, list | tuple) or not all(isinstance(f, str) for f in findings):
            raise ValueError(f"findings: got {findings!r}; expected a list of check ids")
        if signed_in is not None and not isinstance(signed_in, Mapping):
            raise ValueError(f"signed_in: got {signed_in!r}; expected device: user")
        return cls(
            verdict=Outcome(str(data.get("verdict", "pass"))),
            findings=tuple(findings),
            signed_in=None
            if signed_in is None
            else MappingProxyType({str(k): str(v) for k, v in signed_in.items()}),
        )

    def to_json(self) -> dict[str, object]:
        """The inverse of `from_json`."""
        signed_in = None if self.signed_in is None else dict(self.signed_in)
        return {
            "verdict": self.verdict.value,
            "findings": list(self.findings),
            "signed_in": signed_in,
        }

    def differences(
        self, *, outcome: Outcome, failing: tuple[str, ...], signed_in: Mapping[str, str]
    ) -> tuple[str, ...]:
        """One sentence for each way in which the verdict is not the expected one."""
        found: list[str] = []
        if outcome is not self.verdict:
            found.append(f"verdict is {outcome.value}, expected {self.verdict.value}")
        if set(failing) != set(self.findings):
            got, want = (
                ", ".join(sorted(failing)) or "none",
                ", ".join(sorted(self.findings)) or "none",
            )
            found.append(f"failing checks are {got}, expected {want}")
        if self.signed_in is not None and dict(signed_in) != dict(self.signed_in):
            found.append(_tell_signed_in(signed_in, self.signed_in))
        return tuple(found)

    def find_other(self, signed_in: Mapping[str, str]) -> str | None:
        """A device that is signed in as somebody else than expected, or not at all; None: there is none."""
        expected = signed_in if self.signed_in is None else self.signed_in
        return next(iter(_find_others(signed_in, expected)), None)


def _find_others(got: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*got, *expected} if got.get(name) != expected.get(name))


def _tell_signed_in(got: Mapping[str, str], expected: Mapping[str, str]) -> str:
    """The devices whose users differ, a few of them: a fleet has thousands."""
    names = _find_others(got, expected)
    told = [
        f"{name} as {got.get(name, 'nobody')} (expected {expected.get(name, 'nobody')})"
        for name in names[:SHOWN]
    ]
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"signed in are {len(got)}, expected {len(expected)}: {', '.join(told)}{more}"
