"""The layout of a plan: for each host its interfaces, routes and neighbours. Pure: addresses in, addresses out."""

from __future__ import annotations

from collections.abc import Iterable
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
            problems.append(
                f"{place}: {address} is IPv6; the kernel wire carries IPv4 hosts for now"
            )
        elif (
            address.is_loopback
            or address.is_multicast
            or address.is_unspecified
            or address == NOBODY
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


def _ipv4(addresses: tuple[Address, ...]) -> tuple[IPv4Address, ...]:
    return tuple(a for a in addresses if isinstance(a, IPv4Address))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """How an attachment's addresses are reached from its segment; worked out once, used by every neighbour."""

    segment: str
    addresses: frozenset[IPv4Address]
    first: IPv4Address
    further: tuple[IPv4Network, ...]
    """All addresses but the first, as few networks as can hold exactly them."""

    def routes(self, taken: frozenset[IPv4Address]) -> list[RoutePlan]:
        """The way to all addresses that are not reached over another segment already."""
        straight = (
            [] if self.first in taken else [RoutePlan(network=IPv4Network(self.first), via=None)]
        )
        further = self.further
        if not taken.isdisjoint(self.addresses):
            further = _fold(self.addresses - taken - {self.first})
        return straight + [RoutePlan(network=n, via=self.first) for n in further]


def _fold(addresses: Iterable[IPv4Address]) -> tuple[IPv4Network, ...]:
    return tuple(collapse_addresses(IPv4Network(a) for a in addresses))


def _reach(attachment: Attachment) -> _Reach:
    addresses = tuple(a for a in attachment.addresses if isinstance(a, IPv4Address))
    return _Reach(
        segment=attachment.segment,
        addresses=frozenset(addresses),
        first=addresses[0],
        further=_fold(addresses[1:]),
    )


def lay_out(plan: Plan) -> dict[str, tuple[InterfacePlan, ...]]:
    """The interfaces of every host, in the order of its attachments; the plan has passed `check_plan`."""
    reaches = {host.name: {a.segment: _reach(a) for a in host.attachments} for host in plan.hosts}
    return {host.name: _lay_out_host(plan, host, reaches) for host in plan.hosts}


def _lay_out_host(
    plan: Plan, host: HostPlan, reaches: dict[str, dict[str, _Reach]]
) -> tuple[InterfacePlan, ...]:
    mine = reaches[host.name]
    routes: dict[str, list[RoutePlan]] = {segment: [] for segment in mine}
    neighbours: dict[str, list[IPv4Address]] = {segment: [] for segment in mine}
    for name, theirs in reaches.items():
        if name == host.name:
            continue
        taken: frozenset[IPv4Address] = frozenset()
        # The first segment that carries both is the way; the others add only addresses that it did not have.
        for segment in (s for s in plan.segments if s in mine and s in theirs):
            ways = theirs[segment].routes(taken)
            taken |= theirs[segment].addresses
            if ways:
                routes[segment] += ways
                neighbours[segment].append(theirs[segment].first)
    # A static neighbour with a MAC that nobody has: the packet leaves as a packet, where ARP would ask in vain.
    default = host.attachments[0].segment
    routes[default].append(RoutePlan(network=EVERYTHING, via=NOBODY))
    neighbours[default].append(NOBODY)
    return tuple(
        InterfacePlan(
            segment=segment,
            address=reach.first,
            own=reach.further,
            routes=tuple(routes[segment]),
            neighbours=tuple(neighbours[segment]),
        )
        for segment, reach in mine.items()
    )
