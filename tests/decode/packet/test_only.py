"""Tests of which connections are wanted: packets by themselves and tables of them agree."""

from __future__ import annotations

from io import BytesIO
from ipaddress import ip_address

import pytest

from harness.decode.connections import decode_connections
from harness.decode.packet.only import Only
from harness.net.address import Endpoint
from tests.packet_builder import Talk, build_capture

CLIENTS = [(f"203.0.113.{n}", 50_000 + n) for n in range(40)] + [("2001:db8::1", 50_099)]


def capture() -> BytesIO:
    """A connection of each client, every second one to another server."""
    frames = []
    for number, client in enumerate(CLIENTS):
        server = ("10.20.0.10", 443) if number % 2 else ("10.20.0.11", 5263)
        if ":" in client[0]:
            server = ("2001:db8::2", 443)
        frames += Talk(client=client, server=server).open().send("client", b"abc").close().frames
    return build_capture(frames)


def clients(only: Only, window: int) -> list[int]:
    """The ports of the clients of all wanted connections."""
    return sorted(c.client.port for c in decode_connections(capture(), only=only, window=window))


@pytest.mark.parametrize("window", [0, 1 << 20], ids=["packets", "tables"])
@pytest.mark.parametrize(
    ("only", "count"),
    [
        (Only(), 41),
        (Only(ports=frozenset({5263})), 20),
        (Only(ports=frozenset({50_003})), 1),
        (Only(addresses=frozenset({ip_address("10.20.0.10")})), 20),
        (Only(addresses=frozenset({ip_address("2001:db8::2")})), 1),
        (Only(ports=frozenset({443}), addresses=frozenset({ip_address("10.20.0.11")})), 0),
    ],
    ids=["all", "server port", "client port", "address", "IPv6", "both"],
)
def test_ports_and_addresses_of_either_end(only: Only, count: int, window: int) -> None:
    """Empty means any; both must hold."""
    assert len(clients(only, window)) == count


@pytest.mark.parametrize("window", [0, 1 << 20], ids=["packets", "tables"])
def test_shares_are_the_whole(window: int) -> None:
    """Every connection is in exactly one share, the same one however it is read."""
    shares = [clients(Only(share=n, share_count=3), window) for n in range(3)]

    assert sorted(p for share in shares for p in share) == sorted(p for _, p in CLIENTS)
    assert all(len(share) > 5 for share in shares)
    assert shares == [clients(Only(share=n, share_count=3), 0) for n in range(3)]


@pytest.mark.parametrize("window", [0, 1 << 20], ids=["packets", "tables"])
def test_an_endpoint_is_wanted_besides(window: int) -> None:
    """One port of one address, whatever else the address has; ends of a connection are told the same."""
    only = Only(
        addresses=frozenset({ip_address("203.0.113.0")}),
        endpoints=frozenset({Endpoint(ip_address("10.20.0.11"), 5263)}),
    )

    assert clients(only, window) == [50_000 + n for n in range(0, 40, 2)]
    assert only.accepts_ends(Endpoint(ip_address("1.2.3.4"), 1), *only.endpoints)
    assert not only.accepts_ends(*[Endpoint(ip_address("10.20.0.11"), 443)] * 2)
