"""Where the certificate of a request is: which node's cert proxy, under which port (V05 to V08)."""

from __future__ import annotations

from dataclasses import dataclass

from harness.net.address import Address, Endpoint, parse_address
from harness.net.allow_list import AllowList
from harness.net.forwarding import (
    FORWARDED_FOR,
    REMOTE_PORT,
    ForwardingError,
    is_named_in_connection,
    parse_remote_port,
    pick_forwarded_for,
)
from harness.site.page import CertProxy
from harness.world.actors.http1 import Message
from harness.world.actors.setting import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A node and a port of its certificate store."""

    node: str
    port: int
    address: Address | None = None
    """Whom to call instead of that node: only a fault names one."""


class LocationError(Exception):
    """No certificate can be asked for; `status` is the answer to the request."""

    def __init__(self, message: str, *, status: int = 403) -> None:
        """Keep the status code: 400 for headers that cannot be believed, else 403."""
        super().__init__(message)
        self.status = status


def find_location(request: Message, peer: Endpoint, *, own: str, setting: Setting) -> Location:
    """Find the certificate of a request.

    The headers count when Allow RemotePort Header is on, Remote IP Source names one, a balancer of the site ends TLS,
    and the TCP peer (never an address out of a header) is in Accept RemotePort From; the n-th element of
    X-Forwarded-For from the right must then be a node. Otherwise the TCP peer itself must be one, or loopback. There
    is no fallback between the two. On pages of generation B the node must be in Cert Proxy instances.

    Args:
        request: the sign-in request.
        peer: the other end of its connection.
        own: the node that serves it.
        setting: site and defects.

    Raises:
        LocationError: neither holds, or the headers are not well-formed.
    """
    page = setting.page(own)
    if request.values(REMOTE_PORT) and _are_headers_accepted(request, peer.address, page, setting):
        location = _read_headers(request, page, own=own, setting=setting)
        _check_instance(location, page, setting)
        return location
    node = setting.node_of(peer.address, own=own)
    if node is None and "F32" in setting.defects:
        return Location(node=own, port=peer.port, address=peer.address)
    if node is None:
        raise LocationError(f"{peer} is no cert proxy, and its headers do not count")
    location = Location(node=node, port=peer.port)
    _check_instance(location, page, setting)
    return location


def _check_instance(location: Location, page: CertProxy, setting: Setting) -> None:
    """On a page that has the list, only its members are asked (F17)."""
    if page.generation == "A" or "F17" in setting.defects:
        return
    address = setting.site.nodes[location.node]
    if not AllowList.parse(page.cert_proxy_instances).allows(address):
        raise LocationError(f"{location.node} {address} is not in Cert Proxy instances")


def _are_headers_accepted(
    request: Message, peer: Address, page: CertProxy, setting: Setting
) -> bool:
    defects = setting.defects
    if "F29" in defects:
        return True
    if not page.is_remote_port_used and "F28" not in defects:
        return False
    if not setting.site.terminating:
        return False
    if "F17" in defects:
        return True
    if "F18" in defects:
        peer = _first_forwarded_for(request) or peer
    return AllowList.parse(page.accept_remote_port_from).allows(peer)


def _read_headers(request: Message, page: CertProxy, *, own: str, setting: Setting) -> Location:
    header = page.address_header
    if "F25" in setting.defects:
        page = page.model_copy(
            update={"number_of_load_balancers": page.number_of_load_balancers + 1}
        )
    for name in (REMOTE_PORT, header):
        if is_named_in_connection(name, request.values("Connection")):
            raise LocationError(f"{name} is named in Connection", status=400)
    try:
        port = parse_remote_port(request.values(REMOTE_PORT))
        address = pick_forwarded_for(request.values(header), from_right=page.hops, name=header)
    except ForwardingError as error:
        raise LocationError(str(error), status=400) from error
    if "F24" in setting.defects:
        address = _first_forwarded_for(request) or address
    if "F26" in setting.defects:
        address = _real_address(request) or address
    # Loopback in a header is a stranger's idea of it, never this node.
    node = None if address.is_loopback else setting.node_of(address, own=own)
    if node is None and "F53" in setting.defects:
        return Location(node=own, port=port, address=address)
    if node is None:
        raise LocationError(f"{header} names {address}, which is no node")
    return Location(node=node, port=port)


def _first_forwarded_for(request: Message) -> Address | None:
    """The leftmost element, which any client can write; for the defects that read it."""
    return _read(b",".join(request.values(FORWARDED_FOR)).split(b",")[0].strip())


def _real_address(request: Message) -> Address | None:
    """X-Real-IP, which any client can write (F26)."""
    return next((_read(value) for value in request.values("X-Real-IP")), None)


def _read(value: bytes) -> Address | None:
    try:
        return parse_address(value.decode("latin-1"))
    except ValueError:
        return None
