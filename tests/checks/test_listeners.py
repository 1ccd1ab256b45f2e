"""Listeners: which certificate stands where."""

from __future__ import annotations

from harness.checks.listeners import find_leaf, find_port, find_service_certificates
from tests.checks.examining import make_case
from tests.trace_builder import N1, VIP, TraceBuilder, make_random, make_server_certificate


def test_certificates_of_the_service_are_listed_by_node() -> None:
    """What port 443 showed."""
    builder = TraceBuilder()
    shown = make_server_certificate(serial=7)
    builder.open("dmz", VIP, N1, 443).handshake(make_random("l4"), server=shown)

    assert find_service_certificates(make_case(builder)) == {N1: {shown.sha256: shown}}


def test_a_connection_without_tls_shows_none() -> None:
    """Nothing is made up."""
    builder = TraceBuilder()
    builder.open("dmz", VIP, N1, 443)

    assert tuple(find_leaf(make_case(builder).trace.connections[0])) == ()


def test_a_port_is_found_by_its_number() -> None:
    """Rows of the settings page."""
    case = make_case(TraceBuilder())

    port = find_port(case, 5263)
    assert port is not None
    assert port.admin_port
    assert find_port(case, 443) is None
