"""The two headers of a request to a node, read as Access must read them and as careless code might."""

from __future__ import annotations

import re

from harness.net.address import Address
from harness.net.forwarding import (
    FORWARDED_FOR,
    REMOTE_PORT,
    ForwardingError,
    parse_forwarded_for,
    parse_remote_port,
    pick_forwarded_for,
)
from harness.trace.http import Request

_DIGITS = re.compile(rb"[0-9]{1,9}", re.ASCII)


def find_remote_port(request: Request) -> int | None:
    """The port of exactly one well-formed RemotePort line; None otherwise."""
    try:
        return parse_remote_port(request.values(REMOTE_PORT))
    except ForwardingError:
        return None


def find_claimed_ports(request: Request) -> tuple[int, ...]:
    """Every number that a careless reader could find in the RemotePort lines, in order."""
    found: dict[int, None] = {}
    for value in request.values(REMOTE_PORT):
        found |= dict.fromkeys(int(digits) for digits in _DIGITS.findall(value))
    return tuple(found)


def find_pick(request: Request, *, balancers: int) -> Address | None:
    """The element of X-Forwarded-For that the site's rule names; None where there is none or it is malformed."""
    try:
        return pick_forwarded_for(request.values(FORWARDED_FOR), from_right=balancers)
    except ForwardingError:
        return None


def find_listed(request: Request) -> tuple[Address, ...]:
    """All well-formed elements of X-Forwarded-For, left to right."""
    found: list[Address] = []
    for value in request.values(FORWARDED_FOR):
        for element in value.split(b","):
            try:
                found += parse_forwarded_for((element.strip(b" \t"),))
            except ForwardingError:
                continue
    return tuple(found)


def show(values: tuple[bytes, ...]) -> str:
    """Field values for a message, printable whatever they hold."""
    if not values:
        return "none"
    shown = (
        value[:80].decode("latin-1").encode("unicode_escape").decode("ascii") for value in values
    )
    return " and ".join(f'"{text}"' for text in shown)
