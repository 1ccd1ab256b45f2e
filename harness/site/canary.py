"""The canary: known violations that the harness itself commits in every run, among machines of its own.

The judge adds these machines to the site, must find each violation, and then subtracts them. They live in a network
reserved for benchmarks (RFC 2544, 198.18.0.0/15), which a site must not use, and talk only to each other.
"""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address

from harness.net.address import Address

NETWORK = IPv4Network("198.18.99.0/24")
NODE: Address = ip_address("198.18.99.1")
"""Plays a node: has proxy, admin and service ports."""
OTHER_NODE: Address = ip_address("198.18.99.2")
BALANCER: Address = ip_address("198.18.99.10")
DEVICE: Address = ip_address("198.18.99.50")
FORBIDDEN: Address = ip_address("198.18.99.99")
"""Nobody; NODE sends a SYN there."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "destination": ("V15",),
    "header": ("V07", "V08"),
    "call-back": ("V05",),
    "admin port": ("V09",),
    "handshake": ("V11",),
}
"""Checks that must each find at least one violation among the canary's machines, by family."""
