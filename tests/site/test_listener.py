"""Listeners: lines of `seen_as`."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.site.listener import Listener, parse_listener, parse_seen


@pytest.mark.parametrize(
    ("seen", "meant", "listener"),
    [
        (
            "127.0.0.1:15080",
            "nginx:443 from haproxy",
            Listener(
                seen=Endpoint(ip_address("127.0.0.1"), 15080),
                machine="nginx",
                port=443,
                client="haproxy",
            ),
        ),
        (
            "[::1]:15262",
            "haproxy:5262",
            Listener(
                seen=Endpoint(ip_address("::1"), 15262), machine="haproxy", port=5262, client=None
            ),
        ),
    ],
    ids=["IPv4 and client", "IPv6"],
)
def test_reads(seen: str, meant: str, listener: Listener) -> None:
    """Both forms."""
    assert parse_listener(seen, meant) == listener


@pytest.mark.parametrize(
    ("seen", "meant"),
    [
        ("127.0.0.1", "nginx:443"),
        ("127.0.0.1:0", "nginx:443"),
        ("127.0.0.1:65536", "nginx:443"),
        ("127.0.0.01:1", "nginx:443"),
        ("localhost:1", "nginx:443"),
        ("127.0.0.1:1", "nginx"),
        ("127.0.0.1:1", "nginx:65536"),
        ("127.0.0.1:1", "nginx:443 to haproxy"),
        ("127.0.0.1:1", "nginx:443 from "),
    ],
)
def test_refuses(seen: str, meant: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"got|octet|address"):
        parse_listener(seen, meant)


def test_an_endpoint_alone() -> None:
    """As a key."""
    assert parse_seen("10.0.0.1:443") == Endpoint(ip_address("10.0.0.1"), 443)
