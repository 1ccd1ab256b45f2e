"""One further service that nodes may talk to: `udp 10.20.0.53:53`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.net.address import Endpoint, parse_address

EXPECTED = "tcp or udp, a space, ADDRESS:PORT, such as udp 10.20.0.53:53"

_SERVICE = re.compile(r"(tcp|udp) (?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([1-9][0-9]{0,4})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A transport protocol and where it is served."""

    protocol: str
    """`tcp` or `udp`."""
    endpoint: Endpoint


def parse_service(text: str) -> Service:
    """Read one value of the site's `other_services`.

    Raises:
        ValueError: anything else than protocol, space, address, colon, port.
    """
    match = _SERVICE.fullmatch(text)
    if match is None or int(match[4]) > 65535:
        raise ValueError(f"got {text!r}; expected {EXPECTED}")
    return Service(
        protocol=match[1],
        endpoint=Endpoint(address=parse_address(match[2] or match[3]), port=int(match[4])),
    )
