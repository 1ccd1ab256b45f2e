"""HOST:PORT as people write it."""

from __future__ import annotations

import pytest

from harness.world.actors.authority import (
    as_verified,
    build_authority,
    find_server,
    split_authority,
)
from tests.world.memory_wire import MemoryWire


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("access.example.com", ("access.example.com", 443)),
        ("access.example.com:5262", ("access.example.com", 5262)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        ("2001:db8::1", ("2001:db8::1", 443)),
        ("[2001:db8::1]", ("2001:db8::1", 443)),
        ("[2001:db8::1]:5262", ("2001:db8::1", 5262)),
        ("0x7f.1:443", ("0x7f.1", 443)),
        ("host:port", ("host:port", 443)),
    ],
)
def test_a_port_is_optional(text: str, expected: tuple[str, int]) -> None:
    """Nothing is judged here: devices may ask for anything."""
    assert split_authority(text, default_port=443) == expected


def test_an_ipv6_host_is_bracketed() -> None:
    """RFC 3986 section 3.2.2."""
    assert build_authority("2001:db8::1", 443) == "[2001:db8::1]:443"
    assert build_authority("h", 443) == "h:443"


def test_a_certificate_is_for_a_name_or_an_address() -> None:
    """`10.0.0.1` is verified as an address."""
    assert str(as_verified("10.0.0.1")) == "10.0.0.1"
    assert not isinstance(as_verified("10.0.0.1"), str)
    assert as_verified("node1") == "node1"


def test_an_unknown_name_is_a_failed_connection() -> None:
    """With the machine and the name in the message."""
    host = MemoryWire().host("pixel", "203.0.113.10")

    with pytest.raises(ConnectionError, match=r"pixel: 'nobody\.example\.com' is not known"):
        find_server(host, "nobody.example.com", 443)
