"""Alternatives: what holds in all stories."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.checks.alternatives import settle
from harness.checks.check import Absent, Judgement, Unjudged
from harness.net.address import Endpoint
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding

DOUBT = Unjudged(reason="nobody knows")
END = Endpoint(ip_address("10.0.0.1"), 443)


def _finding(number: int) -> Finding:
    return Finding(message=f"wrong {number}", packets=(PacketNumber(number),), endpoints=(END,))


ONE, TWO = _finding(1), _finding(2)


@pytest.mark.parametrize(
    "stories",
    [
        pytest.param([(ONE,), ()], id="wrong in one"),
        pytest.param([(ONE,), (Unjudged(reason="?"),)], id="undecided in one"),
        pytest.param([(), (Unjudged(reason="?"),)], id="right or undecided"),
    ],
)
def test_stories_that_differ_are_in_doubt(stories: list[tuple[Judgement, ...]]) -> None:
    """Only one of them is true."""
    assert tuple(settle(stories, DOUBT)) == (DOUBT,)


def test_right_in_every_story_is_right() -> None:
    """Nothing is said."""
    assert tuple(settle([(), ()], DOUBT)) == ()


def test_wrong_in_every_story_is_wrong() -> None:
    """The evidence is that of all of them."""
    (judgement,) = settle([(ONE,), (Unjudged(reason="?"), TWO)], DOUBT)

    assert isinstance(judgement, Finding)
    assert judgement.message.startswith("wrong 1; whichever of 2 open requests")
    assert (judgement.packets, judgement.endpoints) == ((1, 2), (END,))


def test_an_absence_in_one_story_makes_the_whole_an_absence() -> None:
    """It is a finding only where nothing is missing."""
    (judgement,) = settle([(ONE,), (Absent(finding=TWO),)], DOUBT)

    assert isinstance(judgement, Absent)
    assert judgement.finding.packets == (1, 2)
