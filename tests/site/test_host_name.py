"""Host names and targets."""

from __future__ import annotations

import pytest

from harness.site.host_name import is_host_name, is_machine_name, parse_target


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("access.example.com", True),
        ("node1", True),
        ("a-b.example", True),
        ("1and1.example", True),
        ("", False),
        ("Access.example.com", False),
        ("-a.example", False),
        ("a-.example", False),
        ("a..b", False),
        ("example.com.", False),
        ("10.20.0.10", False),
        ("example.123", False),
        ("a_b.example", False),
        ("a b", False),
        ("b\u00fccher.example", False),
        ("a" * 64, False),
        (".".join(["a" * 63] * 4), False),
    ],
)
def test_host_names(text: str, is_name: bool) -> None:
    """Lower-case labels; nothing that could be read as an address."""
    assert is_host_name(text) is is_name


@pytest.mark.parametrize(
    ("text", "is_name"),
    [("node1", True), ("n-1", True), ("a.b", False), ("N", False), ("", False), ("n\n", False)],
)
def test_machine_names(text: str, is_name: bool) -> None:
    """One label."""
    assert is_machine_name(text) is is_name


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("node1", "node1", None),
        ("node1:443", "node1", 443),
        ("10.20.1.1:5263", "10.20.1.1", 5263),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
    ],
)
def test_targets(text: str, host: str, port: int | None) -> None:
    """Host and port are told apart."""
    assert parse_target(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", ":443", "node1:", "node1:0", "node1:65536", "node1:http", "a:b:1", "[::1"]
)
def test_refuses_targets(text: str) -> None:
    """Other forms are refused."""
    with pytest.raises(ValueError, match="expected HOST or HOST:PORT"):
        parse_target(text)
