"""A connection: layers inside layers."""

from __future__ import annotations

from harness.trace.connection import ByteStream, Gap, Layers, Tunnel
from harness.trace.tls import Seen
from tests.trace_builder import TraceBuilder, make_random


def test_a_tunnel_carries_layers_of_its_own() -> None:
    """TLS in TLS: the outer and the inner handshake are two."""
    builder = TraceBuilder()
    l1, _, l3 = builder.tunnel()
    outer = l1.build(1)

    assert isinstance(outer.tunnel, Layers)
    assert outer.tunnel.tls is not None
    assert l3.tls is not None
    assert outer.tunnel.tls.client_random == l3.tls.client_random
    assert outer.tls is not None
    assert outer.tls.client_random != outer.tunnel.tls.client_random


def test_a_tunnel_in_a_tunnel_can_be_told() -> None:
    """Each with its target."""
    opened = Seen(time_ns=1, packets=())
    inner = Tunnel(target=b"b:443", opened=opened)
    outer = Tunnel(target=b"a:443", opened=opened, tunnel=inner)

    assert outer.tunnel is not None
    assert outer.tunnel.target == b"b:443"


def test_a_stream_with_a_gap_has_no_digest_of_its_own_making() -> None:
    """Nothing is filled in: the default is None."""
    assert ByteStream(size=10, gaps=(Gap(offset=2, size=3),)).sha256 is None


def test_a_connection_that_nobody_answered_is_not_established() -> None:
    """A SYN alone."""
    builder = TraceBuilder()
    wire = builder.open("dmz", builder.site.entry, builder.site.entry, 443, answered=False)
    connection = wire.build(1)

    assert (connection.from_start, connection.established, connection.syn_ack) == (True, False, ())
    assert make_random("a") != make_random("b")
