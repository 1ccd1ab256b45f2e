"""Names in certificates, and the hosts they stand for."""

from __future__ import annotations

import pytest

from harness.net.host_pattern import is_covered


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("access.example.com", "access.example.com", True),
        ("Access.Example.com", "access.example.COM", True),
        ("access.example.com.", "access.example.com", True),
        ("access.example.com", "www.access.example.com", False),
        ("*.example.com", "access.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", ".example.com", False),
        ("*.com", "example.com", False),
        ("*", "localhost", False),
        ("a*.example.com", "access.example.com", False),
        ("access.*.com", "access.example.com", False),
        ("*.example.com", "access.example.org", False),
        ("", "", False),
    ],
)
def test_is_covered(pattern: str, host: str, expected: bool) -> None:
    """RFC 9525 section 6.3: a wildcard is a whole label, the leftmost one, and stands for one."""
    assert is_covered(pattern, host) is expected
