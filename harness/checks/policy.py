"""The policy: what the settings page allows, asked about one address or one request at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from harness.net.address import Address, Endpoint, parse_address
from harness.net.allow_list import AllowList
from harness.site.page import CertProxy
from harness.site.site import SERVICE_PORT, Site

LOCALHOST: tuple[Address, ...] = (ip_address("127.0.0.1"), ip_address("::1"))
TCP = 6
UDP = 17

_SERVICE = re.compile(r"(tcp|udp)\s+(\S+):(\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The site's rules, parsed once."""

    accepts: AllowList
    """Accept RemotePort From."""
    is_remote_port_allowed: bool
    """A RemotePort can have an effect at all."""
    is_header_source: bool
    """Remote IP Source is a header."""
    instances: AllowList | None
    """Cert Proxy instances; None: the page has no such row."""
    is_terminating: bool
    """Some balancer ends TLS on the service port."""
    forced: tuple[Address, ...] | None
    """Addresses of the forced destination; None: not forced."""
    listed: AllowList | None
    """The allow-list of destinations; None: forced."""
    destination: str
    other_services: frozenset[tuple[int, Endpoint]]
    """IP protocol number and endpoint."""

    def refusal(self, peer: Address) -> str | None:
        """Why a RemotePort from this TCP peer must have no effect (V06); None: it may have."""
        if not self.is_header_source:
            return "Remote IP Source is the remote address"
        if not self.is_remote_port_allowed:
            return "Allow RemotePort Header is off"
        if not self.is_terminating:
            return "no balancer of the site ends TLS on port 443"
        if not self.accepts.allows(peer):
            return f"the TCP peer {peer} is not in Accept RemotePort From"
        return None

    def is_destination(self, server: Endpoint, protocol: int) -> bool:
        """Whether a node may open this (V15), its cluster's own ports left aside."""
        if (protocol, server) in self.other_services:
            return True
        if protocol != TCP or server.port != SERVICE_PORT:
            return False
        if self.forced is not None:
            return server.address in self.forced
        return self.listed is not None and self.listed.allows(server.address)

    def tell_destination(self) -> str:
        """What is allowed, in words."""
        if self.forced is not None:
            addresses = ", ".join(str(address) for address in self.forced) or "no address"
            shown = f"{self.destination} ({addresses})"
            return f"Destination is forced to {self.destination if shown.startswith(addresses) else shown}, port 443"
        if not self.destination.strip():
            return "the allow-list of destinations is empty"
        return f'the destinations allowed are "{self.destination}", port 443'


def read_policy(site: Site, page: CertProxy | None = None) -> Policy:
    """The rules of a site's settings page, or of another page of one of its nodes.

    Raises:
        ValueError: a setting that cannot be read (AllowListError for a list).
    """
    page = page or site.cert_proxy
    return Policy(
        accepts=AllowList.parse(page.accept_remote_port_from),
        is_remote_port_allowed=page.is_remote_port_used,
        is_header_source=page.remote_ip_source != "remote_address",
        instances=AllowList.parse(page.cert_proxy_instances) if page.generation == "B" else None,
        is_terminating=bool(site.terminating),
        forced=_forced(site, page) if page.destination_forced else None,
        listed=None if page.destination_forced else AllowList.parse(page.destination),
        destination=page.destination,
        other_services=frozenset(
            (*(_service(text) for text in site.other_services.values()), *_responder(site))
        ),
    )


def _forced(site: Site, page: CertProxy) -> tuple[Address, ...]:
    """The addresses of exactly that name; () where the site does not say which."""
    name = page.destination.strip()
    if name.lower() == "localhost":
        return LOCALHOST
    try:
        return (parse_address(name),)
    except ValueError:
        return site.resolve(name)


def _responder(site: Site) -> tuple[tuple[int, Endpoint], ...]:
    """Who tells whether certificates are revoked."""
    asked = site.revocation
    return () if asked is None else ((TCP, Endpoint(asked.address, asked.port)),)


def _service(text: str) -> tuple[int, Endpoint]:
    match = _SERVICE.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f'other_services: got "{text}"; expected tcp ADDRESS:PORT or udp ADDRESS:PORT'
        )
    address = parse_address(match[2].strip("[]"))
    return (TCP if match[1] == "tcp" else UDP), Endpoint(address, int(match[3]))
