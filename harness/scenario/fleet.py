"""The fleet: every single device of a scenario, named and with an address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import chain

from harness.net.address import Address
from harness.scenario.scenario import Device, Scenario

NUMBER = "{n}"
"""Stands for the device's number in the user of a fleet."""

SMALL = 200
"""Up to so many devices without an address of their own share 203.0.113.0/24 (RFC 5737)."""

_SMALL_POOL = (IPv4Address("203.0.113.10"), IPv4Address("203.0.113.254"))
_LARGE_POOL = (IPv4Address("100.64.0.10"), IPv4Address("100.127.255.254"))
"""RFC 6598: what a carrier's customers share."""
_IPV6_POOL = (IPv6Address("2001:db8:cb00:7100::10"), IPv6Address("2001:db8:cb00:7100:ffff::"))
"""RFC 3849. Nobody reaches its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDevice:
    """One device."""

    name: str
    """As in the capture: the scenario's name, or NAME-1 .. NAME-count."""
    fleet: str
    """The name in the scenario, which steps may use for all of them."""
    device: Device
    """This one: its own user, no count."""
    address: Address


def names(fleet: str, device: Device) -> tuple[str, ...]:
    """The names of the devices that one entry of `devices` stands for."""
    if device.count is None:
        return (fleet,)
    return tuple(f"{fleet}-{number}" for number in range(1, device.count + 1))


def devices(scenario: Scenario) -> tuple[NamedDevice, ...]:
    """All devices in the order of the file; equal scenarios give equal addresses."""
    free = _free_addresses(scenario)
    found: list[NamedDevice] = []
    for fleet, device in scenario.devices.items():
        for number, name in enumerate(names(fleet, device), start=1):
            user = device.user if device.count is None else device.user.replace(NUMBER, str(number))
            address = device.address or next(free)
            one = device.model_copy(update={"user": user, "count": None, "address": address})
            found.append(NamedDevice(name=name, fleet=fleet, device=one, address=address))
    return tuple(found)


def all_names(scenario: Scenario) -> set[str]:
    """Fleets, and their single devices."""
    singles = {one for name, device in scenario.devices.items() for one in names(name, device)}
    return singles | set(scenario.devices)


def expand(scenario: Scenario) -> Scenario:
    """The scenario with a fleet's name in `expect.signed_in` replaced by its devices."""
    expected = scenario.expect.signed_in
    if expected is None:
        return scenario
    each: dict[str, str] = {}
    for name, user in expected.items():
        device = scenario.devices.get(name)
        if device is None or device.count is None:
            each[name] = user
        else:
            each |= {
                one: user.replace(NUMBER, str(number))
                for number, one in enumerate(names(name, device), start=1)
            }
    return scenario.model_copy(
        update={"expect": scenario.expect.model_copy(update={"signed_in": each})}
    )


def _free_addresses(scenario: Scenario) -> Iterator[Address]:
    """Addresses for devices that state none, without those that somebody has; IPv6 where nothing else enters."""
    if all(address.version == 6 for address in scenario.site.resolve(scenario.site.fqdn)):
        taken = set(_stated_addresses(scenario))
        numbers = range(int(_IPV6_POOL[0]), int(_IPV6_POOL[1]) + 1)
        yield from (a for a in map(IPv6Address, numbers) if a not in taken)
        return
    wanted = sum(len(names(n, d)) for n, d in scenario.devices.items() if d.address is None)
    pools = (_SMALL_POOL, _LARGE_POOL) if wanted <= SMALL else (_LARGE_POOL,)
    taken = set(_stated_addresses(scenario))
    for first, last in pools:
        for number in range(int(first), int(last) + 1):
            if (address := IPv4Address(number)) not in taken:
                yield address


def _stated_addresses(scenario: Scenario) -> Iterable[Address]:
    site = scenario.site
    return chain(
        *(site.addresses(name) for name in (*site.nodes, *site.balancers)),
        site.names.values(),
        (device.address for device in scenario.devices.values() if device.address is not None),
        (device.behind for device in scenario.devices.values() if device.behind is not None),
        site.translated.values(),
        (attacker.address for attacker in scenario.attackers.values()),
        (bystander.address for bystander in scenario.bystanders.values()),
    )
