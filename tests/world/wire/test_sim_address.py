"""Addresses as numbers."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.world.wire.sim_address import address_of, is_loopback, number_of, version_of


@pytest.mark.parametrize("text", ["0.0.0.1", "10.20.1.1", "::1", "::a14:101", "2001:db8::1"])
def test_an_address_comes_back_as_it_was(text: str) -> None:
    """Small IPv6 addresses are no IPv4 ones."""
    address = ip_address(text)

    assert address_of(number_of(address)) == address
    assert version_of(number_of(address)) == address.version


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1", True), ("127.255.0.9", True), ("::1", True), ("0.0.0.1", False), ("::2", False)],
)
def test_loopback(text: str, expected: bool) -> None:
    """127.0.0.0/8 and ::1, and nothing else."""
    assert is_loopback(number_of(ip_address(text))) == expected
