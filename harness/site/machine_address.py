"""The address of a machine: one that it can have on a network."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from harness.net.address import Address
from harness.site import canary
from harness.site.problem import Path, Problem, show

_NOWHERE = (IPv4Network("0.0.0.0/8"), IPv6Network("100::/64"))
"""This network (RFC 1122 section 3.2.1.3), and what is discarded (RFC 6666)."""


def address_problem(path: Path, address: Address, *, is_built: bool = True) -> Problem | None:
    """Why a machine cannot have this address; None when it can."""
    if not is_built and address.version == 6:
        return None
    if address in canary.NETWORK:
        expected = (
            f"an address outside {canary.NETWORK}, where the harness keeps machines of its own"
        )
    elif _is_special(address):
        expected = "an address that one machine can have on a network"
    else:
        return None
    return Problem(path=path, found=show(str(address)), expected=expected)


def _is_special(address: Address) -> bool:
    return (
        address.is_loopback
        or address.is_multicast
        or address.is_reserved
        or address.is_link_local
        or address.is_unspecified
        or any(address in network for network in _NOWHERE)
    )
