"""The hazards of a whole site: what its settings will do that is probably not meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from harness.site.hazard import Hazard, HazardKind
from harness.site.page_hazards import NOBODY_SIGNS_IN, find_broken_chains, find_page_hazards
from harness.site.site import BalancerMode, Site


def find_hazards(site: Site) -> tuple[Hazard, ...]:
    """All of them, those of the common page first; a node's own page adds what the common one does not have.

    The site is one without problems (preflight.py).
    """
    return tuple(_find(site))


def _find(site: Site) -> Iterator[Hazard]:
    if site.kind == "cloud":
        return
    common = tuple(find_page_hazards(site, site.cert_proxy, ("cert_proxy",)))
    yield from common
    known = {hazard.kind for hazard in common}
    for node in site.node_settings:
        for hazard in find_page_hazards(site, site.page(node), ("node_settings", node)):
            if hazard.kind not in known:
                yield replace(hazard, effect=f"at {node}, {hazard.effect}")
    yield from _differing(site)
    yield from _balancers(site)
    yield from _translated(site)
    if len(site.nodes) > 1 and not site.balancers:
        first = next(iter(site.nodes))
        yield Hazard(
            kind=HazardKind.NO_BALANCER,
            path=("balancers",),
            found=f"none, and {len(site.nodes)} nodes",
            effect=f"{site.fqdn} is {first}: every device goes there, and the other nodes get nothing",
            remedy="configure a load balancer in front of the nodes",
        )


def _balancers(site: Site) -> Iterator[Hazard]:
    for name in find_broken_chains(site):
        yield Hazard(
            kind=HazardKind.CHAIN_BROKEN,
            path=("balancers", name, "443"),
            found='"passthrough"',
            effect=f"the balancer behind it ends TLS and names {name} instead of the node (V07): nobody is signed in",
            remedy=f"let {name} end TLS as well, and count both in number_of_load_balancers",
        )
    for name, balancer in site.balancers.items():
        if balancer.service is BalancerMode.OFFLOAD:
            yield Hazard(
                kind=HazardKind.CLEAR_TEXT,
                path=("balancers", name, "443"),
                found='"offload"',
                effect="requests reach the nodes in clear text, in a form of our own: the vendor documents none",
                remedy="use terminate, unless it is known that the nodes take plain HTTP",
            )


def _translated(site: Site) -> Iterator[Hazard]:
    for address, count in Counter(site.translated.values()).items():
        if count > 1:
            yield Hazard(
                kind=HazardKind.NODES_BEHIND_ONE_ADDRESS,
                path=("translated",),
                found=f"{address} for {count} nodes",
                effect=f"X-Forwarded-For names {address}, which is no single node: {NOBODY_SIGNS_IN}",
                remedy="translate each node to an address of its own, or none of them",
            )


def _differing(site: Site) -> Iterator[Hazard]:
    for node, change in site.node_settings.items():
        rows = [
            name for name, value in change.rows.items() if value != getattr(site.cert_proxy, name)
        ]
        if rows:
            yield Hazard(
                kind=HazardKind.NODES_DIFFER,
                path=("node_settings", node),
                found=", ".join(rows),
                effect=f"sign-ins go wrong or not, depending on whether a balancer sends them to {node} (V22)",
                remedy=f"set {node} up like the other nodes: harness settings clone",
            )
