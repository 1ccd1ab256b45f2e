"""Layout: every machine of a scenario on its segments."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.scenario.scenario import Scenario
from harness.site import canary
from harness.site.site import BalancerMode
from harness.world.layout import Layout, lay_out
from harness.world.wire.plan import Forwarding


def _scenario(**more: object) -> Scenario:
    site = {
        "fqdn": "access.example.com",
        "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2"},
        "balancers": {"vip": {"address": "10.20.0.10"}},
        "cert_proxy": {"destination": "access.example.com"},
    }
    return Scenario.model_validate({"scenario": "x", "site": site, **more})


def _segments(layout: Layout, name: str) -> tuple[str, ...]:
    host = next(host for host in layout.plan.hosts if host.name == name)
    return tuple(attachment.segment for attachment in host.attachments)


@pytest.mark.parametrize(
    ("name", "segments"),
    [
        ("node1", ("dmz", "inside")),
        ("vip", ("dmz", "outside")),
        ("pixel", ("outside",)),
        ("mallory", ("dmz",)),
        ("backoffice", ("inside",)),
        ("canary-node", ("dmz",)),
    ],
)
def test_each_kind_of_machine_has_its_segments(name: str, segments: tuple[str, ...]) -> None:
    """A balancer shields the nodes from outside; nodes reach each other inside."""
    scenario = _scenario(
        devices={"pixel": {"user": "alice@example.com"}},
        attackers={"mallory": {"address": "10.20.0.66", "segment": "dmz"}},
        bystanders={"backoffice": {"address": "10.30.0.5"}},
    )

    assert _segments(lay_out(scenario), name) == segments


def test_without_a_balancer_nodes_stand_outside_too() -> None:
    """A single node is reached directly by devices."""
    site = {
        "fqdn": "access.example.com",
        "nodes": {"node1": "10.20.1.1"},
        "cert_proxy": {"destination": "localhost"},
    }
    scenario = Scenario.model_validate({"scenario": "x", "site": site})

    assert _segments(lay_out(scenario), "node1") == ("dmz", "inside", "outside")


def test_a_fleet_shares_one_machine() -> None:
    """Each device of a fleet keeps an address and a name of its own."""
    scenario = _scenario(devices={"phone": {"user": "u{n}@example.com", "count": 3}})

    layout = lay_out(scenario)

    host = next(host for host in layout.plan.hosts if host.name == "phone")
    assert len(host.attachments[0].addresses) == 3
    names = [layout.host_names[address] for address in host.attachments[0].addresses]
    assert names == ["phone-1", "phone-2", "phone-3"]


def test_names_resolve_to_the_machines() -> None:
    """The FQDN leads to the balancer; every machine has one name in the capture."""
    layout = lay_out(_scenario())

    assert layout.plan.names["access.example.com"] == (ip_address("10.20.0.10"),)
    assert layout.host_names[ip_address("10.20.0.10")] == "vip"
    assert layout.host_names[canary.NODE] == "canary-node"


def test_only_nodes_have_a_recorded_loopback() -> None:
    """Other machines say nothing to themselves that matters."""
    layout = lay_out(_scenario(devices={"pixel": {"user": "alice@example.com"}}))

    assert [h.name for h in layout.plan.hosts if h.loopback_tap] == ["node1", "node2"]


def test_all_addresses_of_a_machine_stand_on_its_segments() -> None:
    """And lead back to its one name; the FQDN has all of the balancer's."""
    six, vip_six = ip_address("2001:db8::1"), ip_address("2001:db8::10")
    scenario = _scenario()
    site = scenario.site.model_copy(
        update={"further_addresses": {"node1": (six,), "vip": (vip_six,)}}
    )

    layout = lay_out(scenario.model_copy(update={"site": site}))

    node = next(host for host in layout.plan.hosts if host.name == "node1")
    assert all(attachment.addresses[-1] == six for attachment in node.attachments)
    assert layout.host_names[six] == "node1"
    assert layout.plan.names["access.example.com"] == (ip_address("10.20.0.10"), vip_six)


def test_devices_have_ipv6_where_nothing_else_enters() -> None:
    """And IPv4 where the FQDN has an IPv4 address at all."""
    site = {"fqdn": "access.example.com", "nodes": {"node1": "2001:db8::1"}}
    device = {"pixel": {"user": "alice@example.com"}}
    scenario = Scenario.model_validate({"scenario": "x", "site": site, "devices": device})

    assert lay_out(scenario).devices[0].address.version == 6
    assert lay_out(_scenario(devices=device)).devices[0].address.version == 4


@pytest.mark.parametrize(
    ("mode", "defects", "expected"),
    [
        ("passthrough", ["F35"], (Forwarding(host="vip", port=443, to=ip_address("10.20.1.2")),)),
        ("terminate", ["F35"], ()),
        ("passthrough", [], ()),
    ],
)
def test_a_balancer_that_changes_destinations_alone(
    mode: str, defects: list[str], expected: tuple[Forwarding, ...]
) -> None:
    """F35: only one that ends no TLS can do so."""
    scenario = _scenario(defects=defects)
    balancer = scenario.site.balancers["vip"].model_copy(update={"service": BalancerMode(mode)})
    site = scenario.site.model_copy(update={"balancers": {"vip": balancer}})

    changed = scenario.model_copy(update={"site": site})
    assert lay_out(changed).plan.forwardings == expected
