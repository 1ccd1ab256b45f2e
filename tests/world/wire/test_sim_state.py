"""States, failures and sequence numbers."""

from __future__ import annotations

import errno

import pytest

from harness.world.wire.sim_state import MODULUS, difference, failure


@pytest.mark.parametrize(
    ("number", "expected", "ahead"),
    [(5, 3, 2), (3, 5, -2), (1, MODULUS - 1, 2), (MODULUS - 1, 1, -2), (7, 7 + MODULUS, 0)],
)
def test_numbers_wrap(number: int, expected: int, ahead: int) -> None:
    """The nearer way round the circle."""
    assert difference(number, expected) == ahead


def test_failures_are_connection_errors() -> None:
    """Also those that Python gives no class of that kind."""
    assert isinstance(failure(errno.ECONNREFUSED, "x"), ConnectionRefusedError)
    assert isinstance(failure(errno.ETIMEDOUT, "x"), ConnectionResetError)
    assert "x: Connection refused" in str(failure(errno.ECONNREFUSED, "x"))
