"""The destination policy of a cert proxy: where a tunnel may go (V15)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from harness.net.address import Address, Endpoint, parse_address
from harness.net.allow_list import AllowList
from harness.site.page import CertProxy
from harness.site.site import SERVICE_PORT

Resolve = Callable[[str], tuple[Address, ...]]

_AUTHORITY = re.compile(
    r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):([1-9][0-9]{0,4})", re.ASCII
)
"""RFC 9112 section 3.2.3, without user information, zone and escapes: nobody's CONNECT needs them."""
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)


class DestinationError(Exception):
    """No tunnel may go there; `status` is the answer to the CONNECT."""

    def __init__(self, message: str, *, status: int) -> None:
        """Keep the status code: 400 not understood, 403 not allowed, 502 not known."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a CONNECT asks for."""

    host: str | Address
    port: int


def parse_target(authority: bytes, *, is_lenient: bool = False) -> Target:
    """Read the target of a CONNECT: `name:port`, `address:port`; `is_lenient` takes numbers for names (F63).

    Raises:
        DestinationError: another form: user information, a trailing dot, `127.1`, `0x7f.1`, no port.
    """
    match = _AUTHORITY.fullmatch(authority.decode("latin-1"))
    if match is None or int(match[3]) > 65535:
        raise DestinationError(f"target {authority[:80]!r}; expected HOST:PORT", status=400)
    text, port = match[1] or match[2], int(match[3])
    try:
        return Target(host=parse_address(text), port=port)
    except ValueError:
        labels = text.split(".")
        # What ends in a number is somebody's idea of an IPv4 address (F63), never a name.
        if is_lenient and _NUMBER.fullmatch(text):
            return Target(host=text, port=port)
        if match[1] or _NUMBER.fullmatch(labels[-1]) or not all(map(_LABEL.fullmatch, labels)):
            raise DestinationError(
                f"host {text!r}; expected a name or an address", status=400
            ) from None
        return Target(host=text.lower(), port=port)


def find_destination(
    authority: bytes, *, settings: CertProxy, resolve: Resolve, defects: frozenset[str]
) -> Endpoint:
    """The one address and port to dial for a CONNECT target.

    Forced: always the same, and the target's host is not even resolved. Not forced: the host is resolved once, every
    answer must be allowed (F61), and the checked address is the one that is dialled (F60).

    Raises:
        DestinationError: not understood, not allowed, or not known.
    """
    target = parse_target(authority, is_lenient="F63" in defects)
    if target.port != SERVICE_PORT and "F59" not in defects:
        raise DestinationError(f"port {target.port}; only {SERVICE_PORT} is allowed", status=403)
    if settings.destination_forced and "F57" not in defects:
        address = _first(resolve(settings.destination), settings.destination)
        return Endpoint(address, settings.ports[0].port if "F64" in defects else target.port)
    if isinstance(target.host, str) and _NUMBER.fullmatch(target.host):
        # What the C library makes of a number is never looked at (F63).
        return Endpoint(ip_address(int(target.host, 0)), target.port)
    addresses = (target.host,) if not isinstance(target.host, str) else resolve(target.host)
    checked = addresses[:1] if "F60" in defects else addresses
    if not settings.destination_forced:
        _check_allowed(checked, settings.destination, defects)
    if "F60" in defects:
        # Name servers turn their answers round: the second look-up begins with another address.
        addresses = addresses[::-1]
    return Endpoint(_first(addresses, str(target.host)), target.port)


def _check_allowed(addresses: tuple[Address, ...], text: str, defects: frozenset[str]) -> None:
    if "F58" in defects and not text.strip():
        return
    allowed = AllowList.parse(text)
    if "F61" in defects and any(allowed.allows(address) for address in addresses):
        return
    if "F66" in defects and all(address.is_link_local for address in addresses):
        return
    for address in addresses:
        if not allowed.allows(address):
            raise DestinationError(f"{address} is not in the allow-list", status=403)


def _first(addresses: tuple[Address, ...], name: str) -> Address:
    if not addresses:
        raise DestinationError(f"{name!r} is not known", status=502)
    return addresses[0]
