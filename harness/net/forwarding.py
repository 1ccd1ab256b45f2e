"""The two headers by which a balancer names a proxy's connection: `RemotePort` and `X-Forwarded-For`.

Values come as they are after HTTP parsing: one item per field line, blanks around it removed (RFC 9110 section 5.5).
Nothing is repaired: `int()` would read "+55563", "055563", "55_563" and Arabic digits as numbers.
"""

from __future__ import annotations

import re

from harness.net.address import Address, parse_address

REMOTE_PORT = "RemotePort"
FORWARDED_FOR = "X-Forwarded-For"
REAL_IP = "X-Real-IP"

_PORT = re.compile(rb"[1-9][0-9]{0,4}", re.ASCII)
_BRACKETED = re.compile(rb"\[([^\[\]]*)\](?::([^:]*))?")
_IPV4_AND_PORT = re.compile(rb"([0-9.]+):([^:]*)", re.ASCII)
_BLANKS = b" \t"
_SHOWN_SIZE = 120
"""Bytes of a value that a message shows: it may come from a stranger."""


class ForwardingError(ValueError):
    """A header that must not be believed; the message shows it."""


def parse_remote_port(values: tuple[bytes, ...], *, name: str = REMOTE_PORT) -> int:
    """The port, 1 to 65535, of exactly one field line `[1-9][0-9]{0,4}`.

    Args:
        values: the field lines.
        name: what the header is called here, for messages.

    Raises:
        ForwardingError: no line, several lines, or anything else than a plain decimal port.
    """
    if len(values) != 1:
        shown = ", ".join(_show(value) for value in values) or "none"
        raise ForwardingError(f"{name}: got {len(values)} lines ({shown}); expected exactly one")
    port = _parse_port(values[0])
    if port is None:
        raise ForwardingError(f"{name}: got {_show(values[0])}; expected digits only, 1 to 65535")
    return port


def parse_forwarded_for(
    values: tuple[bytes, ...], *, name: str = FORWARDED_FOR
) -> tuple[Address, ...]:
    """Every element of all lines, left to right.

    An element is an IP address, `IPv4:PORT`, `[IPv6]` or `[IPv6]:PORT` (some balancers add the port; it is dropped).

    Raises:
        ForwardingError: no line, or an element of another form, an empty one included.
    """
    return tuple(_parse_element(element, name)[0] for element in _split(values, name))


def pick_forwarded_for(
    values: tuple[bytes, ...], *, from_right: int, name: str = FORWARDED_FOR
) -> Address:
    """The `from_right`-th element from the right (1: the last); what stands left of it is a client's and not read.

    Raises:
        ForwardingError: too few elements, or one of the elements from there to the right is not well-formed.
    """
    return _pick(values, from_right, name)[0]


def pick_forwarded_port(
    values: tuple[bytes, ...], *, from_right: int, name: str = FORWARDED_FOR
) -> int:
    """The port of the element that `pick_forwarded_for` names, where a balancer writes `ADDRESS:PORT`.

    Raises:
        ForwardingError: as there, or the element has no port.
    """
    address, port = _pick(values, from_right, name)
    if port is None:
        raise ForwardingError(
            f"{name}: got element {address} without a port; expected ADDRESS:PORT"
        )
    return port


def is_named_in_connection(name: str, values: tuple[bytes, ...]) -> bool:
    """Whether a Connection header makes a field hop-by-hop, so that a proxy drops it (RFC 9110 section 7.6.1)."""
    options = {option.strip(_BLANKS).lower() for value in values for option in value.split(b",")}
    return name.lower().encode() in options


def _pick(values: tuple[bytes, ...], from_right: int, name: str) -> tuple[Address, int | None]:
    if from_right < 1:
        raise ValueError(f"from_right: got {from_right}; expected 1 or more")
    elements = _split(values, name)
    if len(elements) < from_right:
        shown = ", ".join(_show(value) for value in values)
        raise ForwardingError(
            f"{name}: got {len(elements)} elements ({shown}); expected {from_right} or more"
        )
    picked, *_ = (_parse_element(element, name) for element in elements[-from_right:])
    return picked


def _split(values: tuple[bytes, ...], name: str) -> list[bytes]:
    """Elements of all lines; several lines are one list (RFC 9110 section 5.3)."""
    if not values:
        raise ForwardingError(f"{name}: got no line; expected one or more")
    return [element.strip(_BLANKS) for value in values for element in value.split(b",")]


def _parse_element(element: bytes, name: str) -> tuple[Address, int | None]:
    host, port = element, None
    if match := _BRACKETED.fullmatch(element) or _IPV4_AND_PORT.fullmatch(element):
        host, port = match[1], match[2]
    try:
        address = parse_address(host.decode("ascii"))
    except ValueError:
        address = None
    is_ipv4_bracketed = element.startswith(b"[") and b":" not in host
    if address is None or is_ipv4_bracketed or (port is not None and _parse_port(port) is None):
        raise ForwardingError(
            f"{name}: got element {_show(element)}; expected an IP address, IPv4:PORT or [IPv6]:PORT"
        )
    return address, _parse_port(port) if port is not None else None


def _parse_port(value: bytes) -> int | None:
    if not _PORT.fullmatch(value) or int(value) > 65535:
        return None
    return int(value)


def _show(value: bytes) -> str:
    """Printable on one line, whatever it holds."""
    text = value[:_SHOWN_SIZE].decode("latin-1").encode("unicode_escape").decode("ascii")
    return f'"{text}"' + ("..." if len(value) > _SHOWN_SIZE else "")
