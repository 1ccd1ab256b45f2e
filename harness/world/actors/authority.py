"""`HOST` and `HOST:PORT` as devices and scenario files write them; what a cert proxy reads is in destination.py."""

from __future__ import annotations

import re

from harness.net.address import Address, Endpoint, parse_address
from harness.world.host import Host

_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


def split_authority(text: str, *, default_port: int) -> tuple[str, int]:
    """Host as written (without the brackets of an IPv6 address) and port."""
    host, colon, port = text.rpartition(":")
    if not colon or not _PORT.fullmatch(port) or (":" in host and not host.endswith("]")):
        host, port = text, str(default_port)
    return host.removeprefix("[").removesuffix("]"), int(port)


def build_authority(host: str, port: int) -> str:
    """The target of a CONNECT."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def find_server(host: Host, name: str, port: int) -> Endpoint:
    """Where a name is.

    Raises:
        ConnectionError: nobody knows.
    """
    addresses = host.resolve(name)
    if not addresses:
        raise ConnectionError(f"{host.name}: {name!r} is not known")
    return Endpoint(addresses[0], port)


def as_verified(name: str) -> str | Address:
    """What a certificate must be good for: an address where one is written, else the name."""
    try:
        return parse_address(name)
    except ValueError:
        return name
