"""Families of addresses."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.world.wire.family import LOCALHOSTS, find_localhosts, require_family, usable

FOUR, SIX = ip_address("10.20.1.1"), ip_address("2001:db8::1")


@pytest.mark.parametrize(
    ("own", "expected"),
    [((FOUR,), LOCALHOSTS[:1]), ((SIX,), LOCALHOSTS[1:]), ((SIX, FOUR), LOCALHOSTS)],
    ids=["IPv4", "IPv6", "both"],
)
def test_localhost_has_the_families_of_its_machine(own: tuple, expected: tuple) -> None:  # type: ignore[type-arg]
    """In a fixed order, IPv4 first."""
    assert find_localhosts(own) == expected


def test_a_name_keeps_the_order_of_its_usable_addresses() -> None:
    """The name's order, not the machine's."""
    assert usable((SIX, FOUR), (FOUR, SIX)) == (SIX, FOUR)
    assert usable((SIX, FOUR), (FOUR,)) == (FOUR,)


def test_what_a_machine_has_no_address_for_is_refused() -> None:
    """With the machine, the family and the address."""
    require_family("node1", SIX, (SIX,))

    with pytest.raises(ConnectionRefusedError, match=f"node1 has no IPv6 address to reach {SIX}"):
        require_family("node1", SIX, (FOUR,))
