"""Listeners: which certificate stands where."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.listeners import find_leaf, find_port, find_service_certificates
from harness.checks.rules import read_rules
from harness.site.console import InForce
from harness.site.page import Port
from tests.checks.examining import make_case
from tests.trace_builder import (
    CLUSTER,
    N1,
    N2,
    VIP,
    TraceBuilder,
    make_random,
    make_server_certificate,
)


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


def test_the_row_of_a_port_is_found() -> None:
    """Rows of the settings page that is in force where the connection leads."""
    builder = TraceBuilder()
    for port in (5263, 443):
        builder.open("inside", N2, N1, port)
    case = make_case(builder)
    admin, service = case.trace.connections

    port = find_port(case, admin)
    assert port is not None
    assert port.admin_port
    assert find_port(case, service) is None


def test_a_row_that_changes_at_that_moment_is_none() -> None:
    """Either could be in force."""
    builder = TraceBuilder()
    builder.open("inside", N2, N1, 5263)
    case = make_case(builder)
    (connection,) = case.trace.connections
    rows = (Port(port=5263, admin_port=True, ssl_certificate_type="custom"),)
    page = CLUSTER.cert_proxy.model_copy(update={"ports": rows})
    change = InForce(at_ns=connection.opened_ns, node="node1", page=page)
    assert case.note is not None
    rules = read_rules(CLUSTER, replace(case.note, settings=(change,)))

    assert find_port(replace(case, rules=rules), connection) is None
