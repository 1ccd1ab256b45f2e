"""The opinion: what lines of tshark's say, and lines that say nothing."""

from __future__ import annotations

import pytest

from harness.second_opinion.opinion import Opinion, read_lines
from harness.second_opinion.tshark import SecondOpinionError


@pytest.mark.parametrize("cell", ["", "x", "1.5", "\u00b2"])
@pytest.mark.parametrize("column", [0, 1, 2, 4])
def test_a_line_that_cannot_be_read_is_no_opinion(column: int, cell: str) -> None:
    """Whatever stands where a number has to be; an empty stream says that the frame has none."""
    row = ["7", "0", "443", "1", "10", *[""] * 7]
    row[column] = cell
    if column in (1, 4) and not cell:
        assert read_lines(["\x1e".join(row)], ()).frame_count == 1
        return

    with pytest.raises(SecondOpinionError, match="tshark printed"):
        read_lines(["\x1e".join(row)], ())


def test_it_is_read_as_far_as_asked() -> None:
    """A stream that was let go of has an owner; what comes for it later is new."""
    rows = ["\x1e".join([str(n), "0", "1", "1", "0", *[""] * 7]) for n in range(1, 5)]
    opinion = Opinion(rows, ())
    opinion.advance(2)
    before = set(opinion.streams[0].frames)
    opinion.let_go(0, 7)
    opinion.advance(None)

    assert before == {1, 2}
    assert (opinion.find_owner(0), opinion.find_owner(9)) == (7, 0)
    assert (opinion.streams[0].frames, opinion.frame_count) == ({3, 4}, 4)
