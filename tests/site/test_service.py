"""Further services of a site."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.site.service import Service, parse_service


@pytest.mark.parametrize(
    ("text", "protocol", "address", "port"),
    [
        ("udp 10.20.0.53:53", "udp", "10.20.0.53", 53),
        ("tcp 10.20.0.99:65535", "tcp", "10.20.0.99", 65535),
        ("tcp [2001:db8::1]:80", "tcp", "2001:db8::1", 80),
    ],
)
def test_reads(text: str, protocol: str, address: str, port: int) -> None:
    """Protocol, address, port."""
    assert parse_service(text) == Service(
        protocol=protocol, endpoint=Endpoint(ip_address(address), port)
    )


@pytest.mark.parametrize(
    "text",
    ["", "10.20.0.53:53", "icmp 10.20.0.53:53", "udp 10.20.0.53", "udp 10.20.0.53:0", "udp 10.20.0.53:65536",
     "udp  10.20.0.53:53", "udp 10.20.0:53", "udp dns:53", "udp [10.20.0.53]:x", "UDP 10.20.0.53:53"],
)  # fmt: skip
def test_refuses(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match=r".+"):
        parse_service(text)
