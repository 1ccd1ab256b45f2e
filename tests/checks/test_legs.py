"""The legs: parts by addresses, ports and taps."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from harness.checks.legs import Legs, Machines, find_legs, find_machines
from harness.net.address import Address, Endpoint
from harness.site.page import Port
from harness.site.site import BalancerMode
from harness.trace.trace import Trace
from tests.trace_builder import (
    ATTACKER,
    BYSTANDER,
    CLUSTER,
    LOCALHOST,
    N1,
    N2,
    PIXEL,
    VIP,
    TraceBuilder,
    make_site,
)


def _parts(tap: str, client: Address, server: Address, port: int) -> set[str]:
    builder = TraceBuilder()
    builder.open(tap, client, server, port)
    trace = builder.build()
    legs = find_legs(trace, find_machines(trace, CLUSTER))
    return {name for name in Legs.__dataclass_fields__ if getattr(legs, name)}


@pytest.mark.parametrize(
    ("tap", "client", "server", "port", "expected"),
    [
        pytest.param("outside", PIXEL, VIP, 5262, {"outer"}, id="L1"),
        pytest.param("dmz", VIP, N2, 5262, {"proxy", "relayed"}, id="L2"),
        pytest.param("outside", PIXEL, N2, 5262, {"proxy"}, id="L1 and L2 in one"),
        pytest.param("dmz", N2, VIP, 443, {"fronts", "opened"}, id="L3"),
        pytest.param(
            "node2.lo",
            LOCALHOST,
            LOCALHOST,
            443,
            {"fronts", "service", "opened"},
            id="L3 on loopback",
        ),
        pytest.param("node2.lo", N2, N2, 443, {"fronts", "service", "opened"}, id="L3 to itself"),
        pytest.param("dmz", VIP, N1, 443, {"service", "upstream"}, id="L4"),
        pytest.param("inside", N1, N2, 5263, {"admin", "opened"}, id="L5"),
        pytest.param("node1.lo", N1, N1, 5263, {"admin", "opened"}, id="L5 to itself"),
        pytest.param("outside", PIXEL, VIP, 443, {"fronts"}, id="L7"),
        pytest.param("dmz", ATTACKER, N1, 443, {"fronts", "service"}, id="around the balancer"),
        pytest.param("inside", ATTACKER, N1, 5263, {"admin"}, id="admin port probe"),
        pytest.param("inside", N1, BYSTANDER, 443, {"opened"}, id="elsewhere"),
        pytest.param("inside", ATTACKER, BYSTANDER, 443, set(), id="none of ours"),
        pytest.param("outside", LOCALHOST, LOCALHOST, 443, set(), id="loopback on no node's tap"),
    ],
)
def test_parts(tap: str, client: Address, server: Address, port: int, expected: set[str]) -> None:
    """One connection, and what it is."""
    assert _parts(tap, client, server, port) == expected


def _machines(**page: Any) -> Machines:
    return find_machines(Trace(), make_site(**page))


def test_one_port_serves_devices_and_nodes() -> None:
    """A single port with Admin Port on is no closed port."""
    one = _machines(ports=(Port(port=5262, admin_port=True),))
    two = _machines()

    assert (one.device_ports, one.closed_ports, one.certificate_ports) == ((5262,), (), (5262,))
    assert (two.device_ports, two.closed_ports, two.certificate_ports) == (
        (5262,),
        (5263,),
        (5262, 5263),
    )


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (Endpoint(VIP, 5262), BalancerMode.PASSTHROUGH),
        (Endpoint(VIP, 443), BalancerMode.TERMINATE),
        (Endpoint(VIP, 5263), None),
        (Endpoint(N1, 443), None),
    ],
)
def test_a_balancers_mode_goes_by_port(server: Endpoint, expected: BalancerMode | None) -> None:
    """Ports that it does not serve have none."""
    assert _machines().balancer_mode(server) is expected


def test_hosts_are_told_by_name() -> None:
    """The capture's name first, then the site's, then none; loopback is the node of its tap."""
    machines = _machines()

    assert machines.tell(Endpoint(N1, 443)) == "node1 10.20.1.1:443"
    assert machines.tell(Endpoint(LOCALHOST, 443), tap="node2.lo") == "node2 127.0.0.1:443"
    assert machines.tell(Endpoint(PIXEL, 41000)) == "203.0.113.10:41000"
    assert machines.tell_address(VIP) == "vip 10.20.0.10"
    named = find_machines(Trace(host_names={PIXEL: ("pixel", "other")}), CLUSTER)
    assert named.tell_address(PIXEL) == "pixel 203.0.113.10"


def test_a_machine_is_one_whichever_address_it_uses() -> None:
    """Its first address stands for it; what settings name is the one that it used."""
    six, vip_six = ip_address("2001:db8::1"), ip_address("2001:db8::10")
    first_node = next(iter(CLUSTER.nodes))
    vip = next(iter(CLUSTER.balancers))
    site = CLUSTER.model_copy(update={"further_addresses": {first_node: (six,), vip: (vip_six,)}})
    builder = TraceBuilder()
    builder.open("dmz", six, vip_six, 443)
    trace = builder.build()

    machines = find_machines(trace, site)
    (connection,) = find_legs(trace, machines).opened

    assert (machines.client(connection), machines.server(connection)) == (N1, VIP)
    assert machines.peer(connection) == six
    assert machines.stated(connection.server) == connection.server
    assert machines.tell_server(connection) == f"{vip} [{vip_six}]:443"
    assert find_legs(trace, machines).fronts == (connection,)
