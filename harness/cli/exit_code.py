"""The exit codes of the command, and which of several wins."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.verdict.verdict import Verdict


class ExitCode(IntEnum):
    """What the command says to the shell."""

    AS_EXPECTED = 0
    NOT_AS_EXPECTED = 1
    BAD_INPUT = 2
    """Wrong usage (argparse uses 2 as well), or a file that cannot be used."""
    UNKNOWN = 3
    """The packets show neither that the promises hold nor that one broke, and that was not foreseen."""
    ENVIRONMENT = 4
    """This machine cannot do it; `harness doctor` says why."""
    OWN_BUG = 70
    INTERRUPTED = 130
    """Ctrl-C: 128 + SIGINT, as shells count."""


WORST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.OWN_BUG,
    ExitCode.ENVIRONMENT,
    ExitCode.BAD_INPUT,
    ExitCode.NOT_AS_EXPECTED,
    ExitCode.UNKNOWN,
    ExitCode.AS_EXPECTED,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The code that speaks for all; nothing at all is bad input: no file was judged."""
    seen = set(codes)
    return next((code for code in WORST_FIRST if code in seen), ExitCode.BAD_INPUT)


def code_of(verdict: Verdict) -> ExitCode:
    """The code for one verdict."""
    if verdict.as_expected:
        return ExitCode.AS_EXPECTED
    from harness.verdict.outcome import Outcome  # Not above: not every command judges.

    if verdict.outcome is Outcome.UNKNOWN:
        return ExitCode.UNKNOWN
    return ExitCode.NOT_AS_EXPECTED
