"""A packet: its two ends."""

from __future__ import annotations

from harness.net.address import Endpoint
from harness.trace.packet import Flow
from tests.trace_builder import N1, PIXEL


def test_a_flow_has_two_endpoints() -> None:
    """Source first; a protocol without ports has port 0."""
    tcp = Flow(src=PIXEL, dst=N1, protocol=6, src_port=41000, dst_port=5262)
    icmp = Flow(src=PIXEL, dst=N1, protocol=1)

    assert (tcp.source, tcp.destination) == (Endpoint(PIXEL, 41000), Endpoint(N1, 5262))
    assert (icmp.source, icmp.destination) == (Endpoint(PIXEL, 0), Endpoint(N1, 0))
    assert tcp != icmp
