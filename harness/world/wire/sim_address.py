"""Addresses of the simulated wire as numbers: IPv4 as it is, IPv6 with a bit above its 128 set.

One number for both families keeps tables and comparisons as cheap as those of plain numbers.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from harness.net.address import Address

IPV6 = 1 << 128
"""Set in the numbers of IPv6 addresses."""
_LOOPBACK_FIRST, _LOOPBACK_LAST = int(IPv4Address("127.0.0.0")), int(IPv4Address("127.255.255.255"))
_LOOPBACK_6 = IPV6 | 1


def number_of(address: Address) -> int:
    """The number of an address."""
    return int(address) if address.version == 4 else IPV6 | int(address)


def address_of(number: int) -> Address:
    """The address of a number."""
    return IPv6Address(number ^ IPV6) if number >= IPV6 else IPv4Address(number)


def version_of(number: int) -> int:
    """4 or 6."""
    return 6 if number >= IPV6 else 4


def is_loopback(number: int) -> bool:
    """127.0.0.0/8 and ::1."""
    return _LOOPBACK_FIRST <= number <= _LOOPBACK_LAST or number == _LOOPBACK_6
