"""The rows of the documents."""

from __future__ import annotations

import re

from harness.scenario.row import ROWS


def test_rows_are_numbered_and_said() -> None:
    """An id, and one line of words."""
    assert all(re.fullmatch(r"[AB][0-9]{2}", row) for row in ROWS)
    assert all(text and "\n" not in text for text in ROWS.values())
