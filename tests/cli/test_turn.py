"""Texts in their turn."""

from __future__ import annotations

from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from harness.cli.turn import Turn


@given(st.permutations(range(1, 20)), st.integers(0, 60))
def test_any_order_comes_out_in_order(numbers: list[int], limit: int) -> None:
    """Each as early as it can, whatever part of them fits into memory."""
    turn = Turn(BytesIO(), limit=limit)
    given_out: list[str] = []
    here: set[int] = set()
    for number in numbers:
        here.add(number)
        given_out += turn.put(number, f"é text {number}" * (number % 3 + 1))
        ready = next(n for n in range(1, 21) if n not in here) - 1
        assert len(given_out) == ready

    assert given_out == [f"é text {n}" * (n % 3 + 1) for n in range(1, 20)]


def test_the_file_does_not_grow_for_ever() -> None:
    """What was given out leaves room."""
    spool = BytesIO()
    turn = Turn(spool, limit=0)
    sizes = []
    for first in range(1, 201, 2):
        list(turn.put(first + 1, "x" * 100))
        sizes.append(spool.seek(0, 2))
        list(turn.put(first, "y" * 100))

    assert max(sizes) == 100
