"""The canary's machines."""

from __future__ import annotations

import pytest

from harness.net.address import Address
from harness.scenario.expectation_consistency import CHECKS
from harness.site import canary


@pytest.mark.parametrize(
    "address",
    [canary.NODE, canary.OTHER_NODE, canary.BALANCER, canary.DEVICE, canary.FORBIDDEN],
    ids=str,
)
def test_live_in_their_own_network(address: Address) -> None:
    """No site can have these addresses."""
    assert address in canary.NETWORK


def test_cover_known_checks() -> None:
    """Every family names checks that can fail."""
    assert {check for checks in canary.FAMILIES.values() for check in checks} <= set(CHECKS)
