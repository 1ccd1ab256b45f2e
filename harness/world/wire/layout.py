"""The layout of a plan: for each host its interfaces, routes and neighbours. Pure: addresses in, addresses out.

IPv4 and IPv6 are laid out alike, one beside the other: an attachment has a first address of each family that it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses

from harness.net.address import Address
from harness.world.wire.plan import Attachment, HostPlan, Plan

Network = IPv4Network | IPv6Network

NOBODY = IPv4Address("192.0.0.8")
"""The next hop of everything that nobody owns (the IPv4 dummy address, RFC 7600 section 4.8)."""
NOBODY_6 = IPv6Address("100::1")
"""The same for IPv6 (the discard prefix, RFC 6666)."""
EVERYTHING = IPv4Network("0.0.0.0/0")
EVERYTHING_6 = IPv6Network("::/0")
_NAME_SIZE = 15
"""IFNAMSIZ - 1: segments give interfaces their names."""


def mac_of(address: Address) -> bytes:
    """02:00 (locally administered) and the four bytes of an IPv4 address; 02:06 and a digest of an IPv6 one."""
    if address.version == 4:
        return b"\x02\x00" + address.packed
    return b"\x02\x06" + hashlib.sha256(address.packed).digest()[:4]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePlan:
    """A way to other hosts' addresses."""

    network: Network
    via: Address | None
    """None: the address itself is on the link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfacePlan:
    """One interface of a host, named after its segment."""

    segment: str
    mac: bytes
    addresses: tuple[Address, ...]
    """The first one of each family: the source of what leaves here."""
    own: tuple[Network, ...]
    """All further addresses, folded into networks."""
    routes: tuple[RoutePlan, ...]
    neighbours: tuple[tuple[Address, bytes], ...]
    """Addresses on the link, and the MAC of each."""

    def source(self, version: int) -> Address | None:
        """The address from which packets of a family leave here; None: there is none."""
        return next((a for a in self.addresses if a.version == version), None)


def _check_attachment(host: str, attachment: Attachment, segments: tuple[str, ...]) -> list[str]:
    place = f"host {host!r}, segment {attachment.segment!r}"
    problems = []
    if attachment.segment not in segments:
        problems.append(f"{place}: no such segment; expected one of {', '.join(segments)}")
    if not attachment.addresses:
        problems.append(f"{place}: no address; give at least one")
    for address in attachment.addresses:
        if (
            address.is_loopback
            or address.is_multicast
            or address.is_unspecified
            or address in (NOBODY, NOBODY_6)
            or (address.version == 6 and address.is_link_local)
        ):
            problems.append(f"{place}: {address} cannot be a host's address; use a unicast one")
    return problems


def check_plan(plan: Plan) -> None:
    """Refuse a plan that cannot be built.

    Raises:
        ValueError: every problem at once, one a line.
    """
    problems = [
        f"segment {s!r}: longer than {_NAME_SIZE} characters"
        for s in plan.segments
        if len(s) > _NAME_SIZE
    ]
    owners: dict[Address, str] = {}
    names: set[str] = set()
    for host in plan.hosts:
        if host.name in names:
            problems.append(f"host {host.name!r}: named twice")
        names.add(host.name)
        if not host.attachments:
            problems.append(f"host {host.name!r}: attached to nothing; give it a segment")
        segments = [a.segment for a in host.attachments]
        if len(set(segments)) != len(segments):
            problems.append(
                f"host {host.name!r}: attached twice to one segment: {', '.join(segments)}"
            )
        for attachment in host.attachments:
            problems += _check_attachment(host.name, attachment, plan.segments)
            for address in attachment.addresses:
                owner = owners.setdefault(address, host.name)
                if owner != host.name:
                    problems.append(f"address {address}: both {owner!r} and {host.name!r} own it")
    if problems:
        raise ValueError("the wire's plan cannot be built:\n" + "\n".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """How an attachment's addresses of one family are reached from its segment; every neighbour uses it."""

    mac: bytes
    addresses: frozenset[Address]
    first: Address
    further: tuple[Network, ...]
    """All addresses but the first, as few networks as can hold exactly them."""

    def routes(self, taken: frozenset[Address]) -> list[RoutePlan]:
        """The way to all addresses that are not reached over another segment already."""
        straight = [] if self.first in taken else [RoutePlan(network=_alone(self.first), via=None)]
        further = self.further
        if not taken.isdisjoint(self.addresses):
            further = _fold(self.addresses - taken - {self.first})
        return straight + [RoutePlan(network=n, via=self.first) for n in further]


def _alone(address: Address) -> Network:
    return IPv4Network(address) if isinstance(address, IPv4Address) else IPv6Network(address)


def _fold(addresses: Iterable[Address]) -> tuple[Network, ...]:
    listed = tuple(addresses)
    return (
        *collapse_addresses(IPv4Network(a) for a in listed if isinstance(a, IPv4Address)),
        *collapse_addresses(IPv6Network(a) for a in listed if isinstance(a, IPv6Address)),
    )


def _reach(attachment: Attachment) -> tuple[_Reach, ...]:
    """One for each family, IPv4 first."""
    found = []
    for version in (4, 6):
        addresses = tuple(a for a in attachment.addresses if a.version == version)
        if addresses:
            found.append(
                _Reach(
                    mac=mac_of(attachment.addresses[0]),
                    addresses=frozenset(addresses),
                    first=addresses[0],
                    further=_fold(addresses[1:]),
                )
            )
    return tuple(found)


def lay_out(plan: Plan) -> dict[str, tuple[InterfacePlan, ...]]:
    """The interfaces of every host, in the order of its attachments; the plan has passed `check_plan`."""
    reaches = {host.name: {a.segment: _reach(a) for a in host.attachments} for host in plan.hosts}
    return {host.name: _lay_out_host(plan, host, reaches) for host in plan.hosts}


def _lay_out_host(
    plan: Plan, host: HostPlan, reaches: dict[str, dict[str, tuple[_Reach, ...]]]
) -> tuple[InterfacePlan, ...]:
    mine = reaches[host.name]
    routes: dict[str, list[RoutePlan]] = {segment: [] for segment in mine}
    neighbours: dict[str, list[tuple[Address, bytes]]] = {segment: [] for segment in mine}
    for name, theirs in reaches.items():
        if name == host.name:
            continue
        taken: frozenset[Address] = frozenset()
        # The first segment that carries both is the way; the others add only addresses that it did not have.
        for segment in (s for s in plan.segments if s in mine and s in theirs):
            versions = {reach.first.version for reach in mine[segment]}
            for reach in theirs[segment]:
                ways = reach.routes(taken) if reach.first.version in versions else []
                taken |= reach.addresses if ways else frozenset()
                if ways:
                    routes[segment] += ways
                    neighbours[segment].append((reach.first, reach.mac))
    _add_default(mine, routes, neighbours)
    return tuple(
        InterfacePlan(
            segment=segment,
            mac=mac_of(attachment.addresses[0]),
            addresses=tuple(reach.first for reach in mine[segment]),
            own=tuple(n for reach in mine[segment] for n in reach.further),
            routes=tuple(routes[segment]),
            neighbours=tuple(neighbours[segment]),
        )
        for segment, attachment in ((a.segment, a) for a in host.attachments)
    )


def _add_default(
    mine: dict[str, tuple[_Reach, ...]],
    routes: dict[str, list[RoutePlan]],
    neighbours: dict[str, list[tuple[Address, bytes]]],
) -> None:
    """What nobody owns leaves over the first interface of its family.

    A static neighbour with a MAC that nobody has: the packet leaves as a packet, where ARP would ask in vain.
    """
    defaults: tuple[tuple[int, Network, Address], ...] = (
        (4, EVERYTHING, NOBODY),
        (6, EVERYTHING_6, NOBODY_6),
    )
    for version, everything, nobody in defaults:
        for segment, reaches in mine.items():
            if any(reach.first.version == version for reach in reaches):
                routes[segment].append(RoutePlan(network=everything, via=nobody))
                neighbours[segment].append((nobody, mac_of(NOBODY)))
                break
