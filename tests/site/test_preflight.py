"""The preflight of a site: one table of problems, one of what is fine, one of warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.site.preflight import find_problems
from harness.site.site import Site

BASE: Mapping[str, Any] = {
    "fqdn": "access.example.com",
    "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2"},
    "balancers": {"vip": {"address": "10.20.0.10"}},
    "cert_proxy": {
        "destination": "10.20.0.10",
        "allow_remote_port_header": True,
        "accept_remote_port_from": "10.20.0.10",
    },
}


def _site(changes: Mapping[str, Any]) -> Site:
    """The base with top-level values replaced, and settings of the page (`page`) merged."""
    data = {**BASE, **{key: value for key, value in changes.items() if key != "page"}}
    data["cert_proxy"] = {**BASE["cert_proxy"], **changes.get("page", {})}
    return Site.model_validate(data)


def _forced(destination: str) -> dict[str, Any]:
    return {"page": {"destination": destination}}


def _listed(destination: str) -> dict[str, Any]:
    return {"page": {"destination": destination, "destination_forced": False}}


def _ports(*ports: dict[str, object]) -> dict[str, Any]:
    return {"page": {"ports": ports}}


PROBLEMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "fqdn is no name": ({"fqdn": "access example"}, "$.fqdn", "a full host name"),
    "fqdn without a dot": ({"fqdn": "access"}, "$.fqdn", "a full host name"),
    "fqdn in capitals": ({"fqdn": "Access.example.com"}, "$.fqdn", "lower case"),
    "fqdn is an address": ({"fqdn": "10.20.0.10"}, "$.fqdn", "a full host name"),
    "no nodes": ({"nodes": {}}, "$.nodes", "at least one node"),
    "node name": ({"nodes": {"node_1": "10.20.1.1"}}, "$.nodes.node_1", "a machine name"),
    "balancer name": (
        {"balancers": {"v.ip": {"address": "10.20.0.10"}}},
        "$.balancers.v.ip",
        "a machine name",
    ),
    "balancer with a node's name": (
        {"balancers": {"node1": {"address": "10.20.0.10"}}},
        "$.balancers.node1",
        "nodes.node1 has this one",
    ),
    "name of a node": (
        {"names": {"node1": "10.20.5.1"}},
        "$.names.node1",
        "nodes.node1 has this one",
    ),
    "name of the fqdn": (
        {"names": {"access.example.com": "10.20.5.1"}},
        "$.names.access.example.com",
        "fqdn has this one",
    ),
    "name of the harness": (
        {"nodes": {"canary-node": "10.20.1.1"}},
        "$.nodes.canary-node",
        "the harness's own",
    ),
    "localhost renamed": (
        {"names": {"localhost": "10.20.1.1"}},
        "$.names.localhost",
        "the harness's own",
    ),
    "two nodes, one address": (
        {"nodes": {"node1": "10.20.1.1", "node2": "10.20.1.1"}},
        "$.nodes.node2",
        "node1 has this one",
    ),
    "balancer with a node's address": (
        {"balancers": {"vip": {"address": "10.20.1.2"}}},
        "$.balancers.vip.address",
        "node2 has this one",
    ),
    "canary's network": (
        {"nodes": {"node1": "198.18.99.7"}},
        "$.nodes.node1",
        "outside 198.18.99.0/24",
    ),
    "name in the canary's network": (
        {"names": {"a": "198.18.99.99"}},
        "$.names.a",
        "outside 198.18.99.0/24",
    ),
    "link-local node": (
        {"nodes": {"node1": "fe80::1"}},
        "$.nodes.node1",
        "one machine can have",
    ),
    "discarded node": ({"nodes": {"node1": "100::1"}}, "$.nodes.node1", "one machine can have"),
    "translated stranger": (
        {"translated": {"node9": "192.0.2.9"}},
        "$.translated.node9",
        "a node: ",
    ),
    "translated to another family": (
        {"translated": {"node1": "2001:db8::9"}},
        "$.translated.node1",
        "a node with one address, of the family",
    ),
    "translated to a machine's address": (
        {"translated": {"node1": "10.20.1.2"}},
        "$.translated.node1",
        "node2 has this one",
    ),
    "hands to nobody": (
        {"balancers": {"vip": {"address": "10.20.0.10", "to": ("node9",)}}},
        "$.balancers.vip.to[0]",
        "a node or a balancer: ",
    ),
    "hands to itself": (
        {"balancers": {"vip": {"address": "10.20.0.10", "to": ("vip",)}}},
        "$.balancers.vip.to[0]",
        "go round for ever",
    ),
    "hands to a balancer and a node": (
        {
            "balancers": {
                "edge": {"address": "10.20.0.9", "to": ("vip", "node1")},
                "vip": {"address": "10.20.0.10"},
            }
        },
        "$.balancers.edge.to[0]",
        "one balancer alone",
    ),
    "clear text to a balancer": (
        {
            "balancers": {
                "edge": {"address": "10.20.0.9", "to": ("vip",), "443": "offload"},
                "vip": {"address": "10.20.0.10", "443": "offload"},
            }
        },
        "$.balancers.edge.to[0]",
        "a balancer expects TLS",
    ),
    "clear text and TLS": (
        {
            "balancers": {
                "one": {"address": "10.20.0.9", "443": "offload"},
                "two": {"address": "10.20.0.10", "443": "terminate"},
            }
        },
        "$.balancers",
        "either TLS or clear text",
    ),
    "further address of nobody": (
        {"further_addresses": {"node9": ["2001:db8::9"]}},
        "$.further_addresses.node9",
        "a node or a balancer: ",
    ),
    "further address of another": (
        {"further_addresses": {"node1": ["2001:db8::9", "2001:db8::9"]}},
        "$.further_addresses.node1[1]",
        "an address of its own: node1 has this one",
    ),
    "loopback node": ({"nodes": {"node1": "127.0.0.1"}}, "$.nodes.node1", "one machine can have"),
    "multicast node": ({"nodes": {"node1": "224.0.0.1"}}, "$.nodes.node1", "one machine can have"),
    "broadcast node": (
        {"nodes": {"node1": "255.255.255.255"}},
        "$.nodes.node1",
        "one machine can have",
    ),
    "no address at all": ({"nodes": {"node1": "0.0.0.0"}}, "$.nodes.node1", "one machine can have"),
    "forced: empty": (_forced(""), "$.cert_proxy.destination", "exactly one host name or IP"),
    "forced: list": (
        _forced("10.20.0.10; 10.20.0.11"),
        "$.cert_proxy.destination",
        "turn destination_forced off",
    ),
    "forced: comma": (
        _forced("a.example.com,vip"),
        "$.cert_proxy.destination",
        "turn destination_forced off",
    ),
    "forced: cidr": (
        _forced("10.20.0.0/24"),
        "$.cert_proxy.destination",
        "turn destination_forced off",
    ),
    "forced: subnet": (
        _forced("10.20.0.0 255.255.255.0"),
        "$.cert_proxy.destination",
        "turn destination_forced off",
    ),
    "forced: port": (_forced("vip:443"), "$.cert_proxy.destination", "without a port"),
    "forced: address and port": (
        _forced("10.20.0.10:443"),
        "$.cert_proxy.destination",
        "without a port",
    ),
    "forced: brackets": (_forced("[::1]:443"), "$.cert_proxy.destination", "without a port"),
    "forced: unknown name": (
        _forced("acces.example.com"),
        "$.cert_proxy.destination",
        "access.example.com (did you",
    ),
    "forced: leading zeros": (
        _forced("010.20.0.10"),
        "$.cert_proxy.destination",
        "an IP address or a name",
    ),
    "forced: canary": (
        _forced("198.18.99.1"),
        "$.cert_proxy.destination",
        "outside 198.18.99.0/24",
    ),
    "list: name": (_listed("vip"), "$.cert_proxy.destination", "a host name cannot stand here"),
    "list: spaces": (
        _listed("10.20.0.10 10.20.0.11"),
        "$.cert_proxy.destination",
        "a semicolon before",
    ),
    "accept: bad entry": (
        {"page": {"accept_remote_port_from": "10.20.0.10; 10.20.9.0 0.0.0.255"}},
        "$.cert_proxy.accept_remote_port_from",
        "ones, then zeros",
    ),
    "5262 terminated": (
        {"balancers": {"vip": {"address": "10.20.0.10", "5262": "terminate"}}},
        "$.balancers.vip.5262",
        "F36",
    ),
    "port twice": (
        _ports({"port": 5262}, {"port": 5263, "admin_port": True}, {"port": 5262}),
        "$.cert_proxy.ports[2].port",
        "each port once",
    ),
    "port of the service": (
        _ports({"port": 443}, {"port": 5263, "admin_port": True}),
        "$.cert_proxy.ports[0].port",
        "the Access service has 443",
    ),
    "no proxy port": (
        _ports({"port": 5263, "admin_port": True}),
        "$.cert_proxy.ports",
        "a port for devices",
    ),
    "no admin port": (
        _ports({"port": 5262}),
        "$.cert_proxy.ports",
        "one for the certificate call-back",
    ),
    "cloud with a page": (
        {"kind": "cloud"},
        "$.cert_proxy",
        "only on premises",
    ),
    "page of an unknown node": (
        {"node_settings": {"node9": {"destination": "localhost"}}},
        "$.node_settings.node9",
        "a node",
    ),
    "page of one node": (
        {"node_settings": {"node2": {"destination": "10.20.0.10; 10.20.0.11"}}},
        "$.node_settings.node2.destination",
        "turn destination_forced off",
    ),
    "other service": (
        {"other_services": {"dns": "10.20.0.53"}},
        "$.other_services.dns",
        "udp 10.20.0.53:53",
    ),
}

FINE: dict[str, dict[str, Any]] = {
    "base": {},
    "forced: address": _forced("10.20.0.10"),
    "forced: localhost": _forced("localhost"),
    "forced: loopback": _forced("127.0.0.1"),
    "forced: node": _forced("node2"),
    "forced: further name": {
        "names": {"lb.example.com": "10.20.0.10"},
        **_forced("lb.example.com"),
    },
    "list": _listed("10.20.0.10; 10.20.9.0 255.255.255.0; 2001:db8::/32"),
    "empty list": _listed(""),
    "one port without a terminating balancer": {"balancers": {}, **_ports({"port": 5262})},
    "other service": {"other_services": {"dns": "udp 10.20.0.53:53"}},
}


@pytest.mark.parametrize(("changes", "path", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_finds(changes: dict[str, Any], path: str, expected: str) -> None:
    """Each mistake is one problem, at its place, with what to write instead."""
    (problem,) = map(str, find_problems(_site(changes)))

    assert problem.startswith(f"{path}: got ")
    assert expected in problem


@pytest.mark.parametrize("changes", FINE.values(), ids=FINE)
def test_accepts(changes: dict[str, Any]) -> None:
    """What is right has no problems."""
    assert find_problems(_site(changes)) == ()


def test_balancers_that_hand_to_each_other_are_both_told() -> None:
    """Either end of the ring may be the wrong one."""
    ring = {
        "edge": {"address": "10.20.0.9", "to": ("vip",)},
        "vip": {"address": "10.20.0.10", "to": ("edge",)},
    }

    told = [str(problem) for problem in find_problems(_site({"balancers": ring}))]

    assert [line.partition(":")[0] for line in told] == [
        "$.balancers.edge.to[0]",
        "$.balancers.vip.to[0]",
    ]
    assert all("go round for ever" in line for line in told)


def test_finds_everything_at_once() -> None:
    """Problems of different parts and of one list come together."""
    site = _site(
        {
            "fqdn": "x",
            "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.1"},
            "page": {"destination": "", "accept_remote_port_from": "a; b"},
        }
    )

    assert [str(problem).partition(":")[0] for problem in find_problems(site)] == [
        "$.fqdn",
        "$.nodes.node2",
        "$.cert_proxy.destination",
        "$.cert_proxy.accept_remote_port_from",
        "$.cert_proxy.accept_remote_port_from",
    ]
