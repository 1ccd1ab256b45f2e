"""Addresses and endpoints in their written form."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
    ],
)
def test_reads(text: str, address: str) -> None:
    """The canonical form is read; an IPv4-mapped address is IPv4."""
    assert parse_address(text) == ip_address(address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "010.0.0.1",
        "127.1",
        "0x7f.1",
        "10.0.0.1 ",
        "fe80::1%eth0",
        "10.0.0.0/8",
        "1",
        "\u0661.0.0.1",
        "node1",
    ],
)
def test_refuses(text: str) -> None:
    """Other forms are refused."""
    with pytest.raises(ValueError, match=r".+"):
        parse_address(text)


@pytest.mark.parametrize(
    ("address", "text"), [("10.0.0.1", "10.0.0.1:443"), ("2001:db8::1", "[2001:db8::1]:443")]
)
def test_endpoint_is_written_with_its_port(address: str, text: str) -> None:
    """IPv6 stands in brackets."""
    assert str(Endpoint(ip_address(address), 443)) == text


def test_endpoints_sort() -> None:
    """By family, address, then port: output is the same in every run."""
    one, two, three, four = (
        Endpoint(ip_address(a), p)
        for a, p in (("10.0.0.1", 9), ("10.0.0.2", 1), ("10.0.0.2", 2), ("::1", 1))
    )

    assert sorted((four, three, one, two)) == [one, two, three, four]


def test_a_mapped_address_is_written_mixed() -> None:
    """RFC 5952 section 5; what Python writes depends on its version."""
    assert str(Endpoint(ip_address("::ffff:192.0.2.1"), 80)) == "[::ffff:192.0.2.1]:80"
