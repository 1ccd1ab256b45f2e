"""Addresses that a machine can have."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.site.machine_address import address_problem


@pytest.mark.parametrize("text", ["10.20.1.1", "203.0.113.10", "198.18.98.255"])
def test_an_ordinary_address_is_fine(text: str) -> None:
    """Nothing to say."""
    assert address_problem(("nodes", "node1"), ip_address(text)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", "one machine can have"),
        ("169.254.1.1", "one machine can have"),
        ("198.18.99.1", "outside 198.18.99.0/24"),
    ],
)
def test_a_special_one_is_not(text: str, expected: str) -> None:
    """With the place, the value and what to write instead."""
    problem = address_problem(("nodes", "node1"), ip_address(text))

    assert problem is not None
    assert str(problem).startswith(f'$.nodes.node1: got "{text}"; expected ')
    assert expected in problem.expected
