"""The layout of a plan: for each host its interfaces, routes and neighbours. Pure: addresses in, addresses out."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from harness.net.address import Address
from harness.world.wire.plan import Attachment, HostPlan, Plan

NOBODY = IPv4Address("192.0.0.8")
"""The next hop of everything that nobody owns (the IPv4 dummy address, RFC 7600 section 4.8)."""
EVERYTHING = IPv4Network("0.0.0.0/0")
_NAME_SIZE = 15
"""IFNAMSIZ - 1: segments give interfaces their names."""


def mac_of(address: IPv4Address) -> bytes:
    """02:00 (locally administered) and the four bytes of the address."""
    return b"\x02\x00" + address.packed


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePlan:
    """A way to other hosts' addresses."""

    network: IPv4Network
    via: IPv4Address | None
    """None: the address itself is on the link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfacePlan:
    """One interface of a host, named after its segment."""

    segment: str
    address: IPv4Address
    """The first one of the attachment; the MAC is made from it."""
    own: tuple[IPv4Network, ...]
    """All further addresses, folded into networks."""
    routes: tuple[RoutePlan, ...]
    neighbours: tuple[IPv4Address, ...]


def _check_attachment(host: str, attachment: Attachment, segments: tuple[str, ...]) -> list[str]:
    place = f"host {host!r}, segment {attachment.segment!r}"
    problems = []
    if attachment.segment not in segments:
        problems.append(f"{place}: no such segment; expected one of {', '.join(segments)}")
    if not attachment.addresses:
        problems.append(f"{place}: no address; give at least one")
    for address in attachment.addresses:
        if not isinstance(address, IPv4Address):
            problems.append(f"{place}: {address} is IPv6; the kernel wire carries IPv4 hosts for now")
        elif address.is_loopback or address.is_multicast or address.is_unspecified or address == NOBODY:
            problems.append(f"{place}: {address} cannot be a host's address; use a unicast one")
    return problems


def check_plan(plan: Plan) -> None:
    """Refuse a plan that cannot be built.

    Raises:
        ValueError: every problem at once, one a line.
    """
    problems = [f"segment {s!r}: longer than {_NAME_SIZE} characters" for s in plan.segments if len(s) > _NAME_SIZE]
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
            problems.append(f"host {host.name!r}: attached twice to one segment: {', '.join(segments)}")
        for attachment in host.attachments:
            problems += _check_attachment(host.name, attachment, plan.segments)
            for address in attachment.addresses:
                owner = owners.setdefault(address, host.name)
                if owner != host.name:
                    problems.append(f"address {address}: both {owner!r} and {host.name!r} own it")
    if problems:
        raise ValueError("the wire's plan cannot be built:\n" + "\n".join(problems))


def _ipv4(addresses: tuple[Address, ...]) -> tuple[IPv4Address, ...]:
    return tuple(a for a in addresses if isinstance(a, IPv4Address))


def _further(attachment: Attachment) -> tuple[IPv4Network, ...]:
    """All addresses but the first, as few networks as can hold exactly them."""
    networks = (IPv4Network(a) for a in _ipv4(attachment.addresses)[1:])
    return tuple(collapse_addresses(networks))


def _shared(plan: Plan, host: HostPlan, other: HostPlan) -> dict[str, list[IPv4Address]]:
    """Addresses of `other` that `host` can reach, by segment: over the first segment that carries both."""
    mine = {a.segment for a in host.attachments}
    taken: set[IPv4Address] = set()
    found: dict[str, list[IPv4Address]] = {}
    for segment in plan.segments:
        for attachment in other.attachments:
            if segment in mine and attachment.segment == segment:
                fresh = [a for a in _ipv4(attachment.addresses) if a not in taken]
                taken.update(fresh)
                found[segment] = fresh
    return found


def _routes_to(other: HostPlan, segment: str, addresses: list[IPv4Address]) -> list[RoutePlan]:
    first = next(_ipv4(a.addresses)[0] for a in other.attachments if a.segment == segment)
    straight = [RoutePlan(network=IPv4Network(first), via=None)] if first in addresses else []
    further = collapse_addresses(IPv4Network(a) for a in addresses if a != first)
    return straight + [RoutePlan(network=n, via=first) for n in further]


def lay_out(plan: Plan, host: HostPlan) -> tuple[InterfacePlan, ...]:
    """The interfaces of one host, in the order of its attachments."""
    routes: dict[str, list[RoutePlan]] = {a.segment: [] for a in host.attachments}
    neighbours: dict[str, list[IPv4Address]] = {a.segment: [] for a in host.attachments}
    for other in plan.hosts:
        if other.name == host.name:
            continue
        for segment, addresses in _shared(plan, host, other).items():
            if addresses:
                routes[segment] += _routes_to(other, segment, addresses)
                neighbours[segment].append(
                    next(_ipv4(a.addresses)[0] for a in other.attachments if a.segment == segment)
                )
    # A static neighbour with a MAC that nobody has: the packet leaves as a packet, where ARP would ask in vain.
    default = host.attachments[0].segment
    routes[default].append(RoutePlan(network=EVERYTHING, via=NOBODY))
    neighbours[default].append(NOBODY)
    return tuple(
        InterfacePlan(
            segment=a.segment,
            address=_ipv4(a.addresses)[0],
            own=_further(a),
            routes=tuple(routes[a.segment]),
            neighbours=tuple(neighbours[a.segment]),
        )
        for a in host.attachments
    )
