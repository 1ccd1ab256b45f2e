"""Families of addresses: what a machine with IPv4, IPv6 or both can reach, the same on every wire."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from ipaddress import ip_address

from harness.net.address import Address

LOCALHOSTS: tuple[Address, ...] = (ip_address("127.0.0.1"), ip_address("::1"))


def find_localhosts(own: Iterable[Address]) -> tuple[Address, ...]:
    """What `localhost` is for a machine with these addresses: 127.0.0.1, ::1, or both."""
    return usable(LOCALHOSTS, own)


def usable(addresses: Iterable[Address], own: Iterable[Address]) -> tuple[Address, ...]:
    """Those of the families that a machine has, in order (AI_ADDRCONFIG, RFC 3493 section 6.1)."""
    versions = {address.version for address in own}
    return tuple(address for address in addresses if address.version in versions)


def require_family(name: str, server: Address, own: Iterable[Address]) -> None:
    """Refuse what a machine has no address for.

    Raises:
        ConnectionRefusedError: it has none of that family.
    """
    if not usable((server,), own):
        raise ConnectionRefusedError(
            errno.EAFNOSUPPORT, f"{name} has no IPv{server.version} address to reach {server} from"
        )
