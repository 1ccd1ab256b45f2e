"""Rules and flaws: what is told, and what is refused."""

from __future__ import annotations

from harness.certificate.rule import WARNINGS, Flaw, Rule


def test_a_flaw_tells_place_value_and_remedy() -> None:
    """On one line, as compilers do."""
    flaw = Flaw(rule=Rule.WRONG_ORDER, place="chain.pem:20", found="a, c, b", expected="a, b, c")

    assert str(flaw) == "chain.pem:20: wrong-order: got a, c, b; expected a, b, c"
    assert flaw.is_refused


def test_a_warning_says_so() -> None:
    """It is not refused."""
    flaw = Flaw(rule=Rule.SELF_SIGNED, place="chain.pem:1", found="x", expected="y")

    assert str(flaw).startswith("chain.pem:1: warning: self-signed: ")
    assert not flaw.is_refused


def test_more_is_refused_than_warned_of() -> None:
    """A rule is refused unless it is named as a warning."""
    assert 0 < len(WARNINGS) < len(Rule) / 2
