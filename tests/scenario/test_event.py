"""Events: durations, and what only the simulated wire can do."""

from __future__ import annotations

import pytest

from harness.scenario.event import parse_duration


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [
        ("500ms", 500_000_000),
        ("90s", 90_000_000_000),
        ("11m", 660_000_000_000),
        ("24h", 86_400_000_000_000),
        ("31d", 31 * 86_400_000_000_000),
        ("-90s", -90_000_000_000),
        ("0s", 0),
    ],
)
def test_durations_have_one_unit(text: str, duration_ns: int) -> None:
    """A whole number and a unit."""
    assert parse_duration(text) == duration_ns


@pytest.mark.parametrize("text", ["", "90", "1.5s", "1h30m", "s", "+1s", "1 s", "\u0661s", "1w"])
def test_anything_else_is_refused(text: str) -> None:
    """With an example of how it is written."""
    with pytest.raises(ValueError, match="expected one such as 500ms"):
        parse_duration(text)
