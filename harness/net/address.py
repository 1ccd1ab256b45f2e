"""Addresses and endpoints as they stand in packets and settings."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a connection: an address and a port. Sorted by address, IPv4 before IPv6, then by port."""

    address: Address
    port: int

    def __lt__(self, other: Endpoint) -> bool:
        """Addresses of two families cannot be compared by themselves."""
        own, its = self.address, other.address
        if own == its:
            return self.port < other.port
        return (own.version, own.packed) < (its.version, its.packed)

    def __str__(self) -> str:
        """`10.0.0.1:443`, `[2001:db8::1]:443`."""
        if isinstance(self.address, IPv6Address):
            if self.address.ipv4_mapped is not None:
                # RFC 5952 section 5, the same in every version of Python.
                return f"[::ffff:{self.address.ipv4_mapped}]:{self.port}"
            return f"[{self.address}]:{self.port}"
        return f"{self.address}:{self.port}"


def parse_address(text: str) -> Address:
    """Read one address in its canonical written form; IPv4-mapped IPv6 becomes IPv4.

    Raises:
        ValueError: not an address, or written with a zone, leading zeros, or a short form.
    """
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise ValueError(f"{text!r} carries a zone id; write the address alone")
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
    return address
