"""What a terminating balancer does to the header lines of a request: its own RemotePort and X-Forwarded-For go in."""

from __future__ import annotations

from harness.net.address import Endpoint
from harness.net.forwarding import FORWARDED_FOR, REAL_IP, REMOTE_PORT, is_named_in_connection
from harness.site.site import SERVICE_PORT, ForwardedFor
from harness.world.actors.http1 import Headers, Message

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""RFC 9110 section 7.6.1."""
_FRAMING = frozenset((b"content-length", b"expect"))
"""Said anew for the next connection."""


def strip_connection(message: Message) -> Headers:
    """The lines that concern more than one connection, in order."""
    named = {
        option.strip().lower()
        for line in message.values("Connection")
        for option in line.split(b",")
    }
    dropped = _HOP_BY_HOP | _FRAMING | named
    return tuple((name, value) for name, value in message.headers if name.lower() not in dropped)


def forward_headers(
    request: Message,
    client: Endpoint,
    *,
    forwarded_for: ForwardedFor,
    defects: frozenset[str],
    address_header: str = FORWARDED_FOR,
    is_handed_on: bool = False,
) -> Headers:
    """The lines of the request to the node.

    What a client says in Connection is obeyed before the balancer's own lines go in, so that it cannot take those
    away (F23); what it says in the two headers is dropped, or with `append` stays to the left of what is true.

    Args:
        request: as the client sent it.
        client: the client's end of the connection: the truth, unless F33 is on.
        forwarded_for: whether the client's X-Forwarded-For stays.
        defects: the switches of the site.
        address_header: where the address goes; X-Real-IP holds nothing but that.
        is_handed_on: the client is the balancer before this one: its RemotePort (and X-Real-IP) stays, and its
            X-Forwarded-For grows.
    """
    if "F16" in defects and request.values(REMOTE_PORT) and request.values(FORWARDED_FOR):
        return strip_connection(request)
    own = {name.lower().encode() for name in (REMOTE_PORT, FORWARDED_FOR, address_header)}
    lines = tuple(line for line in strip_connection(request) if line[0].lower() not in own)
    addresses = [str(client.address).encode()]
    if address_header == REAL_IP:
        addresses = list(request.values(REAL_IP) if is_handed_on else ()) or addresses
    elif is_handed_on or forwarded_for is ForwardedFor.APPEND:
        addresses = [*request.values(FORWARDED_FOR), *addresses]
    client_made = request.values(REMOTE_PORT)
    if is_handed_on and client_made:
        ports = client_made
    else:
        ports = _remote_ports(client_made, str(client.port).encode(), defects)
    if "F27" in defects:
        addresses[-1] = b"unknown"
    headers = (
        *lines,
        (address_header.encode(), b", ".join(addresses)),
        *((REMOTE_PORT.encode(), port) for port in ports),
    )
    if "F23" in defects:
        options = request.values("Connection")
        return tuple(
            h for h in headers if not is_named_in_connection(h[0].decode("latin-1"), options)
        )
    return headers


def _remote_ports(
    client_made: tuple[bytes, ...], true: bytes, defects: frozenset[str]
) -> tuple[bytes, ...]:
    """The values of the RemotePort lines: the true one alone, unless a defect is on."""
    if "A06" in defects:
        return ()
    if "A07" in defects:
        return (str(SERVICE_PORT).encode(),)
    if client_made and "F15" in defects:
        return client_made
    odd = tuple(value for value in client_made if not value.isdigit())
    if odd and "F21" in defects:
        return odd
    if "F19" in defects:
        return (*client_made, true)
    if "F20" in defects:
        return (b", ".join((*client_made, true)),)
    return (true,)
