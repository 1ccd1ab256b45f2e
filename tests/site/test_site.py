"""The site as data."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from pydantic import ValidationError

from harness.site.page import CertProxy, Port
from harness.site.site import Site

NODES = {"node1": "10.20.1.1", "node2": "10.20.1.2"}


def _site(**more: object) -> Site:
    return Site.model_validate({"fqdn": "access.example.com", "nodes": NODES, **more})


def test_defaults_are_the_vendors_ports() -> None:
    """Without a port table: 5262 for devices, 5263 for the call-back."""
    site = _site()

    assert site.proxy_ports == (5262,)
    assert site.admin_ports == (5263,)


def test_further_ports_keep_their_roles() -> None:
    """Admin Port decides, not the number."""
    ports = ({"port": 5263}, {"port": 5262, "admin_port": True}, {"port": 5264})
    site = _site(cert_proxy={"ports": ports})

    assert site.proxy_ports == (5263, 5264)
    assert site.admin_ports == (5262,)


def test_entry_is_the_first_balancer() -> None:
    """The FQDN points to the balancer where there is one."""
    site = _site(balancers={"vip": {"address": "10.20.0.10"}})

    assert site.entry == ip_address("10.20.0.10")
    assert site.resolve("access.example.com") == (site.entry,)


def test_entry_is_the_first_node_without_balancers() -> None:
    """Devices reach the first node directly."""
    assert _site().entry == ip_address("10.20.1.1")


@pytest.mark.parametrize(
    ("name", "address"),
    [("node2", "10.20.1.2"), ("vip", "10.20.0.10"), ("files.example.com", "10.20.5.9")],
)
def test_resolves_every_table(name: str, address: str) -> None:
    """Nodes, balancers and further names are known."""
    site = _site(
        balancers={"vip": {"address": "10.20.0.10"}}, names={"files.example.com": "10.20.5.9"}
    )

    assert site.resolve(name) == (ip_address(address),)


@pytest.mark.parametrize("name", ["localhost", "node3", ""])
def test_does_not_resolve_others(name: str) -> None:
    """Unknown names have no address, and localhost is no name of the site."""
    assert _site().resolve(name) == ()


def test_terminating_names_balancers_that_end_tls_on_443() -> None:
    """Only the mode of the service port counts."""
    site = _site(
        balancers={
            "l4": {"address": "10.20.0.9", "443": "passthrough"},
            "l7": {"address": "10.20.0.10", "443": "terminate"},
        }
    )

    assert site.terminating == ("l7",)


def test_survives_json() -> None:
    """What travels inside a capture is the whole site."""
    site = _site(
        balancers={"vip": {"address": "10.20.0.10", "443": "passthrough"}},
        cert_proxy=CertProxy(destination="localhost", ports=(Port(port=5262),)),
        tls="1.2",
        names={"files": "10.20.5.9"},
        other_services={"dns": "udp 10.20.0.53:53"},
    )

    assert Site.model_validate_json(site.model_dump_json(by_alias=True)) == site


@pytest.mark.parametrize(
    "address", ["10.20.1", "010.20.1.1", "10.20.1.1 ", 1, None, True, "node1", "fe80::1%eth0", ""]
)
def test_refuses_other_forms_of_addresses(address: object) -> None:
    """Numbers, short forms and names are no addresses."""
    with pytest.raises(ValidationError, match="an IP address such as"):
        _site(nodes={"node1": address})


def test_reads_mapped_address_as_ipv4() -> None:
    """An IPv4-mapped address is the IPv4 address that stands in packets."""
    assert _site(nodes={"node1": "::ffff:10.20.1.1"}).entry == ip_address("10.20.1.1")


def test_refuses_unknown_keys() -> None:
    """A mistyped setting is not silently the default."""
    with pytest.raises(ValidationError, match="destination_force"):
        _site(cert_proxy={"destination_force": False})


def _dual() -> Site:
    return _site(
        balancers={"vip": {"address": "10.20.0.10"}},
        further_addresses={"node1": ("2001:db8::1",), "vip": ("2001:db8::10",)},
    )


def test_a_machine_has_all_its_addresses() -> None:
    """The first one first; names give all of them, and each leads back to its node."""
    site = _dual()

    assert [str(a) for a in site.addresses("node1")] == ["10.20.1.1", "2001:db8::1"]
    assert [str(a) for a in site.resolve(site.fqdn)] == ["10.20.0.10", "2001:db8::10"]
    assert [site.node_at(a) for a in site.addresses("node1")] == ["node1", "node1"]
    assert site.node_at(site.entry) is None
    assert site.addresses("nobody") == ()


def test_balancers_hand_to_nodes_or_to_each_other() -> None:
    """Not given: to all nodes; the FQDN stands for those that no other one hands to."""
    site = _site(
        balancers={
            "edge": {"address": "10.20.0.9", "to": ("vip",)},
            "vip": {"address": "10.20.0.10"},
            "side": {"address": "10.20.0.11", "to": ("node2",)},
        }
    )

    assert [site.behind(name) for name in site.balancers] == [
        ("vip",),
        ("node1", "node2"),
        ("node2",),
    ]
    assert site.entries == ("edge", "side")
    assert [str(a) for a in site.resolve(site.fqdn)] == ["10.20.0.9", "10.20.0.11"]
    assert site.balancer_at(ip_address("10.20.0.10")) == "vip"
    assert site.balancer_at(ip_address("10.20.1.1")) is None


def test_without_balancers_the_first_node_is_the_entry() -> None:
    """Whatever else there is."""
    assert _site().entries == ("node1",)


@pytest.mark.parametrize(
    ("mode", "ends_tls", "is_offloaded"),
    [("passthrough", False, False), ("terminate", True, False), ("offload", True, True)],
)
def test_modes_of_the_service_port(mode: str, ends_tls: bool, is_offloaded: bool) -> None:
    """Who ends TLS may set headers; who offloads goes on in clear text."""
    site = _site(balancers={"vip": {"address": "10.20.0.10", "443": mode}})

    assert bool(site.terminating) == ends_tls
    assert site.is_offloaded == is_offloaded


def test_a_translated_address_stands_for_its_node_alone() -> None:
    """Whoever shares one cannot be told from the others by it."""
    own, shared = ip_address("192.0.2.11"), ip_address("192.0.2.12")
    site = _site(translated={"node1": str(own)})
    both = _site(translated={"node1": str(shared), "node2": str(shared)})

    assert (site.node_at(own), site.reached_at("node1")) == ("node1", own)
    assert site.addresses("node1") == (ip_address("10.20.1.1"),)
    assert both.node_at(shared) is None
    assert both.reached_at("node1") == ip_address("10.20.1.1")
    assert site.reached_at("node2") == ip_address("10.20.1.2")
