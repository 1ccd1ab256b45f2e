"""The merge law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.verdict.outcome import Outcome, merge

P, F, U = Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN
OUTCOMES = st.lists(st.sampled_from(Outcome))


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [([], U), ([P], P), ([P, P], P), ([P, U], U), ([U, F], F), ([P, F], F), ([P, U, F], F)],
)
def test_merge(outcomes: list[Outcome], expected: Outcome) -> None:
    """FAIL over UNKNOWN over PASS; nothing at all is UNKNOWN."""
    assert merge(outcomes) is expected


@given(OUTCOMES, OUTCOMES)
def test_merging_in_parts_is_merging_at_once(left: list[Outcome], right: list[Outcome]) -> None:
    """Order and grouping do not matter, as long as each part has something."""
    parts = [merge(part) for part in (left, right) if part]

    assert merge(parts) is merge([*right, *left])


@given(OUTCOMES)
def test_pass_means_that_everything_passed(outcomes: list[Outcome]) -> None:
    """And that there was something."""
    assert (merge(outcomes) is P) == (bool(outcomes) and set(outcomes) == {P})
