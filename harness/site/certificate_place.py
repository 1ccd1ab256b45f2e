"""The place of a certificate: a machine and one of its ports that end TLS, and the names that are needed there.

Rows B02 and B06 to B08: the FQDN that users use is the common name; where no balancer ends TLS, every node's name
stands beside it; with several balancers, the name of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.site.problem import Problem, choose, show
from harness.site.site import SERVICE_PORT, Site

_PLACE = re.compile(r"([a-z0-9-]+):([1-9][0-9]{0,4})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Written `vip:443` or `node1:5262`."""

    machine: str
    port: int

    def __str__(self) -> str:
        return f"{self.machine}:{self.port}"


def parse_place(text: str, site: Site) -> Place:
    """A place of this site that shows a certificate of its own.

    Raises:
        ValueError: another form, an unknown machine, or a port that ends no TLS or shares the certificate of another.
    """
    match = _PLACE.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        raise ValueError("MACHINE:PORT, such as vip:443 or node1:5262")
    place = Place(machine=match[1], port=int(match[2]))
    places = find_places(site)
    if place in places:
        return place
    if place.machine in site.nodes and any(
        p.port == place.port and p.ssl_certificate_type == "passthrough"
        for p in site.page(place.machine).ports
    ):
        raise ValueError(
            f"{place.machine}:{SERVICE_PORT}, whose certificate that port shows (its type is passthrough)"
        )
    if place.machine in site.balancers:
        ends = f"{place.machine} passes that port through: the certificate belongs on the nodes, "
    else:
        ends = "a port that ends TLS: "
    raise ValueError(ends + choose(tuple(str(one) for one in places), text))


def find_places(site: Site) -> tuple[Place, ...]:
    """Every place of a site that has a certificate of its own, balancers first."""
    places = [
        Place(machine=name, port=SERVICE_PORT)
        for name, balancer in site.balancers.items()
        if balancer.service.ends_tls
    ]
    for node in site.nodes:
        places.append(Place(machine=node, port=SERVICE_PORT))
        places += [
            Place(machine=node, port=port.port)
            for port in site.page(node).ports
            if port.ssl_certificate_type == "custom"
        ]
    return tuple(places)


def find_certificate_problems(site: Site) -> Iterator[Problem]:
    """What is wrong with the site's expected certificates."""
    for text, expected in site.certificates.items():
        path = ("certificates", text)
        try:
            parse_place(text, site)
        except ValueError as error:
            yield Problem(path=path, found=show(text), expected=str(error), at_key=True)
        if not expected.is_fingerprint:
            remedy = "64 hex digits, as harness certificate check prints them"
            yield Problem(path=(*path, "sha256"), found=show(expected.sha256), expected=remedy)
        if not expected.sha256 and not expected.issuer:
            yield Problem(path=path, found="{}", expected="sha256 or issuer, or both")


def find_names(site: Site, place: Place) -> tuple[str, ...]:
    """The names that a certificate needs there; the first is its common name."""
    users = (site.fqdn, *find_balancer_names(site))
    if place.machine in site.balancers:
        return users
    own = (site.host_name(place.machine),)
    row = next((p for p in site.page(place.machine).ports if p.port == place.port), None)
    if row is not None and row.admin_port and site.proxy_ports:
        return own
    if site.terminating:
        # Devices reach the proxy ports; 443 is the balancer's, which knows the node by its own name.
        is_called = row is not None and not site.admin_ports
        return own if row is None else (*users, *own) if is_called else users
    return (*users, *(site.host_name(node) for node in site.nodes))


def find_balancer_names(site: Site) -> tuple[str, ...]:
    """Names of the site that stand for balancers: users may open any of them, by name (B08)."""
    addresses = {one for balancer in site.balancers for one in site.addresses(balancer)}
    return tuple(
        name for name, address in site.names.items() if address in addresses and name != site.fqdn
    )
