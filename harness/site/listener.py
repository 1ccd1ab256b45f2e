"""The listener: how a capture shows a machine's port where addresses or ports are not the site's own.

127.0.0.1:15262: haproxy:443               what was accepted there was accepted by haproxy on its port 443
127.0.0.1:15080: nginx:443 from haproxy    ... and everybody who connects there is haproxy
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.net.address import Endpoint, parse_address

EXPECTED_SEEN = "ADDRESS:PORT as in the capture, such as 127.0.0.1:15080 or [::1]:15080"
EXPECTED = "MACHINE:PORT or MACHINE:PORT from MACHINE, such as node1:443 from vip"

_SEEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([1-9][0-9]{0,4})", re.ASCII)
_MEANT = re.compile(r"([a-z0-9-]+):([1-9][0-9]{0,4})(?: from ([a-z0-9-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One line of the site's `seen_as`."""

    seen: Endpoint
    """As in the packets."""
    machine: str
    port: int
    """The port that it plays."""
    client: str | None
    """The machine that every connection to it comes from; None: the client's own address tells."""


def parse_seen(text: str) -> Endpoint:
    """The endpoint as the capture shows it.

    Raises:
        ValueError: no address and port.
    """
    match = _SEEN.fullmatch(text)
    if match is None or int(match[3]) > 65535:
        raise ValueError(f"got {text!r}; expected {EXPECTED_SEEN}")
    return Endpoint(parse_address(match[1] or match[2]), int(match[3]))


def parse_listener(seen: str, meant: str) -> Listener:
    """One line of the table.

    Raises:
        ValueError: another form.
    """
    match = _MEANT.fullmatch(meant)
    if match is None or int(match[2]) > 65535:
        raise ValueError(f"got {meant!r}; expected {EXPECTED}")
    return Listener(seen=parse_seen(seen), machine=match[1], port=int(match[2]), client=match[3])
