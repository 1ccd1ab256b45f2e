"""Tests of briefs: whole connections kept as they came."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.decode.brief import Brief, find_close
from harness.decode.group import Group, Share
from harness.decode.layer_fields import build_nothing
from harness.decode.observation import build_connection
from harness.decode.run import Run
from harness.decode.tcp_connection import TcpConnection
from harness.decode.unread import Unread
from harness.net.address import Endpoint
from harness.trace.packet import PacketNumber

CLIENT, SERVER = Endpoint(ip_address("203.0.113.5"), 50000), Endpoint(ip_address("10.0.0.1"), 443)


class Hashed(Unread):
    """Bytes are hashed, and read by nobody."""

    is_hashed = True


def share(
    count: int = 4, size: int = 3, acked: int = 4, *, fin: bool = True, rst: int = 0
) -> Share:
    """What one end sent."""
    return Share(packet_count=count, size=size, acked=acked, fin=fin, rst=rst)


def group(client: Share, server: Share) -> Group:
    """A whole connection."""
    numbers = [PacketNumber(n) for n in range(1, 1 + client.packet_count + server.packet_count)]
    runs = []
    if client.size:
        runs.append(("client", Run(b"a" * client.size, [client.size], [numbers[3]], [40])))
    if server.size:
        runs.append(("server", Run(b"b" * server.size, [server.size], [numbers[4]], [50])))
    return Group(
        numbers=numbers,
        first_ns=10,
        last_ns=90,
        client=client,
        server=server,
        client_isn=100,
        server_isn=200,
        runs=runs,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("client", "server", "closed"),
    [
        (share(), share(), "fin"),
        (share(), share(acked=3), "fin"),
        (share(acked=3), share(acked=3), None),
        (share(), share(fin=False), None),
        (share(rst=1, fin=False), share(fin=False), "rst"),
        (share(fin=False), share(fin=False, rst=2), "rst"),
        (share(), share(rst=1), "fin"),
    ],
    ids=["both", "one answered", "none answered", "half", "client RST", "server RST", "FIN, RST"],
)
def test_a_connection_has_ended_or_not(client: Share, server: Share, closed: str | None) -> None:
    """Both ends sent FIN and one was acknowledged; or one sent RST."""
    assert find_close(group(client, server)) == closed


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (share(), share()),
        (share(size=0, acked=1), share()),
        (share(count=2, size=0, rst=1, fin=False), share(count=1, size=0, acked=0, fin=False)),
        (share(count=3, size=0, rst=1, fin=False), share(count=1, size=0, acked=0, fin=False)),
    ],
    ids=["both talk", "one talks", "RST for an answer", "RST after the handshake"],
)
def test_it_is_the_connection_that_it_would_become(client: Share, server: Share) -> None:
    """The observation is the same as after taking the packets in."""
    packets = group(client, server)
    closed = find_close(packets)
    assert closed is not None
    brief = Brief("dmz", CLIENT, SERVER, b"key", packets, closed, build_nothing(), is_hashed=True)
    tcp: TcpConnection[Hashed] = TcpConnection(CLIENT, SERVER, b"key", "dmz", Hashed())
    tcp.handle_group(packets)

    assert brief.build() == build_connection(tcp)
    assert brief.closed_ns == 90
