"""Where an Access service looks for the certificate."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.site.site import Site
from harness.world.actors.http1 import Message
from harness.world.actors.location import LocationError, find_location
from tests.world.actors.stage import (
    ATTACKER,
    DEVICE,
    NODES,
    VIP,
    cluster,
    make_setting,
    pass_through_cluster,
    single_node,
)

NODE1, NODE2, NODE3 = NODES.values()
TRUE = ("RemotePort: 40000", f"X-Forwarded-For: {NODE1}")


def find(site: Site, peer: str, *lines: str, defects: tuple[str, ...] = ()) -> str:
    """`NODE PORT`, or the status of the refusal; node2 is asked."""
    pairs = (line.partition(": ") for line in lines)
    headers = tuple((name.encode(), value.encode("latin-1")) for name, _, value in pairs)
    setting = make_setting(site, defects)
    try:
        location = find_location(
            Message(headers=headers),
            Endpoint(ip_address(peer), 50000),
            own="node2" if "node2" in site.nodes else "node1",
            setting=setting,
        )
    except LocationError as error:
        return str(error.status)
    return f"{location.node} {location.port}"


CLUSTER = cluster()
TWO_BALANCERS = cluster(number_of_load_balancers=2)
OFF = cluster(allow_remote_port_header=False)
NOBODY_ACCEPTED = cluster(accept_remote_port_from="")
NODES_ACCEPTED = cluster(accept_remote_port_from="10.20.0.0/16")
PASS_THROUGH = pass_through_cluster(allow_remote_port_header=True)
LISTED = {"generation": "B", "cert_proxy_instances": f"{NODE1}; {NODE2}"}
REAL_IP = cluster(remote_ip_source="x_real_ip", number_of_load_balancers=3, **LISTED)
PEER_ALONE = cluster(remote_ip_source="remote_address", **LISTED)


@pytest.mark.parametrize(
    ("site", "peer", "lines", "expected"),
    [
        (CLUSTER, VIP, TRUE, "node1 40000"),
        (CLUSTER, VIP, ("remoteport: 40000", f"x-forwarded-for: {NODE1}"), "node1 40000"),
        (CLUSTER, VIP, ("RemotePort: 1", f"X-Forwarded-For: {NODE3}, {NODE1}"), "node1 1"),
        (CLUSTER, VIP, ("RemotePort: 1", f"X-Forwarded-For: junk, {NODE1}"), "node1 1"),
        (TWO_BALANCERS, VIP, ("RemotePort: 1", f"X-Forwarded-For: {NODE1}, {VIP}"), "node1 1"),
        (TWO_BALANCERS, VIP, TRUE, "400"),
        (CLUSTER, VIP, (), "403"),
        (CLUSTER, VIP, (f"X-Forwarded-For: {NODE1}",), "403"),
        (CLUSTER, VIP, ("RemotePort: 40000",), "400"),
        (CLUSTER, VIP, ("RemotePort: 40000", f"X-Forwarded-For: {DEVICE}"), "403"),
        (CLUSTER, VIP, ("RemotePort: 40000", "X-Forwarded-For: 127.0.0.1"), "403"),
        (CLUSTER, VIP, ("RemotePort: 40000", "X-Forwarded-For: unknown"), "400"),
        (CLUSTER, VIP, (*TRUE, "RemotePort: 40000"), "400"),
        (CLUSTER, VIP, (*TRUE, "REMOTEPORT: 40001"), "400"),
        (CLUSTER, VIP, (*TRUE, "Connection: close, RemotePort"), "400"),
        (CLUSTER, VIP, (*TRUE, "Connection: x-forwarded-for"), "400"),
        *(
            (CLUSTER, VIP, (f"RemotePort: {value}", f"X-Forwarded-For: {NODE1}"), "400")
            for value in ("40000, 40001", "+40000", "040000", "40_000", "65536", "0", "", "\u00b2")
        ),
        (CLUSTER, VIP, ("Remote_Port: 40000", f"X-Forwarded-For: {NODE1}"), "403"),
        (OFF, VIP, TRUE, "403"),
        (NOBODY_ACCEPTED, VIP, TRUE, "403"),
        (CLUSTER, ATTACKER, TRUE, "403"),
        (CLUSTER, ATTACKER, ("RemotePort: 40000", f"X-Forwarded-For: {VIP}, {NODE1}"), "403"),
        (CLUSTER, NODE1, (), "node1 50000"),
        (CLUSTER, NODE1, ("RemotePort: 40000", f"X-Forwarded-For: {NODE3}"), "node1 50000"),
        (NODES_ACCEPTED, NODE1, ("RemotePort: x", f"X-Forwarded-For: {NODE3}"), "400"),
        (CLUSTER, "127.0.0.1", (), "node2 50000"),
        (CLUSTER, "::1", (), "node2 50000"),
        (PASS_THROUGH, "127.0.0.1", TRUE, "node2 50000"),
        (PASS_THROUGH, VIP, TRUE, "403"),
        (REAL_IP, VIP, ("RemotePort: 1", f"X-Real-IP: {NODE1}"), "node1 1"),
        (
            REAL_IP,
            VIP,
            ("RemotePort: 1", f"X-Real-IP: {NODE1}", f"X-Forwarded-For: {NODE2}"),
            "node1 1",
        ),
        (REAL_IP, VIP, TRUE, "400"),
        (REAL_IP, VIP, ("RemotePort: 1", f"X-Real-IP: {NODE3}"), "403"),
        (PEER_ALONE, VIP, TRUE, "403"),
        (PEER_ALONE, NODE1, TRUE, "node1 50000"),
        (PEER_ALONE, NODE3, (), "403"),
        (single_node(), NODE1, TRUE, "node1 50000"),
        (single_node(), DEVICE, TRUE, "403"),
    ],
)
def test_the_rules(site: Site, peer: str, lines: tuple[str, ...], expected: str) -> None:
    """Headers of accepted peers, else the peer itself, else nothing; never a fallback from the first."""
    assert find(site, peer, *lines) == expected


def test_a11_the_peer_is_matched_and_no_header() -> None:
    """Accept RemotePort From names the balancer: who only writes that address is not it."""
    lines = ("RemotePort: 40000", f"X-Forwarded-For: {VIP}, {NODE1}")

    assert (find(CLUSTER, VIP, *lines), find(CLUSTER, ATTACKER, *lines)) == ("node1 40000", "403")


def test_a12_headers_of_others_are_ignored() -> None:
    """The lookup goes by the peer, as if they were not there: no certificate, and nobody is signed in."""
    assert find(CLUSTER, ATTACKER, *TRUE) == find(CLUSTER, ATTACKER) == "403"
    assert find(CLUSTER, NODE1, *TRUE) == find(CLUSTER, NODE1) == "node1 50000"


@pytest.mark.parametrize(
    ("defect", "site", "peer", "lines", "expected"),
    [
        ("F17", CLUSTER, ATTACKER, TRUE, "node1 40000"),
        (
            "F18",
            CLUSTER,
            ATTACKER,
            ("RemotePort: 40000", f"X-Forwarded-For: {VIP}, {NODE1}"),
            "node1 40000",
        ),
        (
            "F24",
            CLUSTER,
            VIP,
            ("RemotePort: 40000", f"X-Forwarded-For: {NODE3}, {NODE1}"),
            "node3 40000",
        ),
        ("F28", OFF, VIP, TRUE, "node1 40000"),
    ],
)
def test_each_defect_breaks_its_rule(
    defect: str, site: Site, peer: str, lines: tuple[str, ...], expected: str
) -> None:
    """What is refused, or found elsewhere, without the defect."""
    assert find(site, peer, *lines, defects=(defect,)) == expected
    assert find(site, peer, *lines) != expected


@pytest.mark.parametrize(
    ("defect", "site", "peer", "lines"),
    [
        ("F18", CLUSTER, ATTACKER, TRUE),
        ("F28", OFF, ATTACKER, TRUE),
        ("F17", OFF, ATTACKER, TRUE),
        ("F17", PASS_THROUGH, ATTACKER, TRUE),
        ("F24", CLUSTER, VIP, ("RemotePort: 40000", f"X-Forwarded-For: {DEVICE}, {NODE1}")),
    ],
)
def test_a_defect_breaks_no_other_rule(
    defect: str, site: Site, peer: str, lines: tuple[str, ...]
) -> None:
    """Each fault is one fault."""
    assert find(site, peer, *lines, defects=(defect,)) == "403"
