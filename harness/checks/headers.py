"""The two headers of a request to a node, read as Access must read them and as careless code might.

Their names are the site's. A site without a port header has the port in the forwarded-for element (`ADDRESS:PORT`);
a site without a forwarded-for header has only the port.
"""

from __future__ import annotations

import re

from harness.net.address import Address
from harness.net.forwarding import (
    ForwardingError,
    parse_forwarded_for,
    parse_remote_port,
    pick_forwarded_for,
    pick_forwarded_port,
)
from harness.site.site import Site
from harness.trace.http import Request

_DIGITS = re.compile(rb"[0-9]{1,9}", re.ASCII)
_LAST_PORT = re.compile(rb"[\].0-9]:([0-9]{1,9})\s*\Z", re.ASCII)


def port_header(site: Site) -> str:
    """The name of the header that holds the port."""
    return site.header_names.remote_port or site.header_names.forwarded_for


def port_values(request: Request, site: Site) -> tuple[bytes, ...]:
    """The lines of the header that holds the port."""
    return request.values(port_header(site))


def read_remote_port(request: Request, site: Site) -> int:
    """The port of exactly one well-formed line, or of the element that the site's rule names.

    Raises:
        ForwardingError: there is none, or more than one.
    """
    names = site.header_names
    if names.remote_port:
        return parse_remote_port(request.values(names.remote_port), name=names.remote_port)
    return pick_forwarded_port(
        request.values(names.forwarded_for),
        from_right=site.cert_proxy.hops,
        name=names.forwarded_for,
    )


def find_remote_port(request: Request, site: Site) -> int | None:
    """The port, or None where it cannot be read."""
    try:
        return read_remote_port(request, site)
    except ForwardingError:
        return None


def find_claimed_ports(request: Request, site: Site) -> tuple[int, ...]:
    """Every number that a careless reader could take for the port, in order."""
    found: dict[int, None] = {}
    for value in port_values(request, site):
        if site.header_names.remote_port:
            found |= dict.fromkeys(int(digits) for digits in _DIGITS.findall(value))
            continue
        matches = (_LAST_PORT.search(element) for element in value.split(b","))
        found |= dict.fromkeys(int(match[1]) for match in matches if match)
    return tuple(found)


def find_pick(request: Request, site: Site) -> Address | None:
    """The element of X-Forwarded-For that the site's rule names; None where there is none or it is malformed."""
    name = site.header_names.forwarded_for
    if not name:
        return None
    balancers = site.cert_proxy.hops
    try:
        return pick_forwarded_for(request.values(name), from_right=balancers)
    except ForwardingError:
        return None


def find_listed(request: Request, site: Site) -> tuple[Address, ...]:
    """All well-formed elements of X-Forwarded-For, left to right."""
    found: list[Address] = []
    name = site.header_names.forwarded_for
    for value in request.values(name) if name else ():
        for element in value.split(b","):
            try:
                found += parse_forwarded_for((element.strip(b" \t"),))
            except ForwardingError:
                continue
    return tuple(found)


def find_blurred(request: Request, site: Site) -> tuple[bytes, ...]:
    """Values of lines that only some readers take for the port header: RFC 9112 section 5.1 forbids `NAME :`."""
    wanted = port_header(site).lower().encode()
    lines = ((h.name.lower(), h.value) for h in request.headers)
    return tuple(value for name, value in lines if name != wanted and name.strip() == wanted)


def show(values: tuple[bytes, ...]) -> str:
    """Field values for a message, printable whatever they hold."""
    if not values:
        return "none"
    shown = (
        value[:80].decode("latin-1").encode("unicode_escape").decode("ascii") for value in values
    )
    return " and ".join(f'"{text}"' for text in shown)
