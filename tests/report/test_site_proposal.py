"""The proposal of a site."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path

import pytest

from harness.decode.decode import Chosen, decode
from harness.decode.packet.only import ALL
from harness.net.address import Address, Endpoint
from harness.report.call_back_shape import may_hold_certificate
from harness.report.site_proposal import propose
from harness.report.site_yaml import build_site_yaml
from harness.scenario.yaml import load_site
from harness.site.callback import build_target
from harness.site.site import Site
from harness.trace.trace import Trace
from tests.split_capture import read_key_log, split
from tests.trace_builder import (
    CLUSTER,
    N1,
    N2,
    PASSTHROUGH,
    SINGLE,
    VIP,
    TraceBuilder,
)

RUNS = Path(__file__).parents[2] / "captures"


def _signed_in(site: Site = CLUSTER, *, node: Address = N2) -> TraceBuilder:
    builder = TraceBuilder(site)
    builder.sign_in(node=node)
    return builder


def test_a_terminating_cluster_is_recognised() -> None:
    """Machines by their names in the capture, modes per port, ports, destination and headers."""
    proposal = propose(_signed_in().build())
    (vip,) = proposal.balancers

    assert {node.name: node.address for node in proposal.nodes} == {"node2": N2, "node1": N1}
    assert (vip.name, vip.address) == ("vip", VIP)
    assert vip.modes == {"5262": "passthrough", "443": "terminate"}
    assert (list(proposal.proxy_ports), list(proposal.admin_ports)) == ([5262], [5263])
    assert proposal.destination[:2] == (True, str(VIP))
    assert (proposal.hops_to_node, proposal.accepts) == (1, (VIP,))
    assert proposal.remote_port is not None
    assert proposal.remote_port[0] == "RemotePort"
    assert proposal.forwarded_for is not None
    assert proposal.forwarded_for[0] == "X-Forwarded-For"


def test_a_pass_through_cluster_has_no_headers() -> None:
    """TLS ends at the node, which goes to itself."""
    proposal = propose(_signed_in(PASSTHROUGH).build())

    assert [b.modes for b in proposal.balancers] == [{"5262": "passthrough"}]
    assert (proposal.destination[1], proposal.hops_to_node) == ("localhost", 0)
    assert (proposal.remote_port, proposal.forwarded_for) == (None, None)


def test_a_single_node_needs_no_stand_in() -> None:
    """One machine, two ports, its own address."""
    proposal = propose(_signed_in(SINGLE, node=N1).build())

    assert [(n.name, n.address) for n in proposal.nodes] == [("node1", N1)]
    assert (proposal.balancers, proposal.seen_as) == ([], {})


def test_our_own_call_back_is_the_default() -> None:
    """Nothing to write."""
    builder = TraceBuilder(CLUSTER)
    legs = builder.sign_in()
    proposal = propose(builder.build())

    assert proposal.call_back.model_dump(exclude_defaults=True) == {}
    assert proposal.call_back_why is not None
    assert build_target(legs.l3.client.port) in proposal.call_back_why.text


def test_nothing_seen_is_said() -> None:
    """A site must have a node: it is invented, and that is told."""
    proposal = propose(Trace())

    assert [node.name for node in proposal.nodes] == ["node1"]
    assert any("node1 is invented" in text for text in proposal.unseen)
    assert any("5262 is the vendor's" in text for text in proposal.unseen)


def _moved(trace: Trace, old: Address, new: str) -> Trace:
    """The same connections, one machine of which has another address."""

    def move(end: Endpoint) -> Endpoint:
        return replace(end, address=ip_address(new)) if end.address == old else end

    connections = (
        replace(c, client=move(c.client), server=move(c.server)) for c in trace.connections
    )
    return replace(trace, connections=tuple(connections))


@pytest.mark.parametrize("address", ["127.0.0.1", "254.1.2.3", "0.0.0.7"])
def test_an_address_that_no_machine_can_have_gets_a_stand_in(address: str) -> None:
    """Loopback, reserved, or nobody's: the proposal loads, and says what stands for it."""
    trace = _moved(_signed_in(PASSTHROUGH).build(), VIP, address)

    proposal = propose(trace)

    (balancer,) = proposal.balancers
    assert load_site(build_site_yaml(proposal, name="x"), name="site").balancers
    assert str(balancer.address).startswith("198.51.100.")
    assert proposal.seen_as[f"{address}:5262"] == f"{balancer.name}:5262"


def test_a_node_gets_a_stand_in_too() -> None:
    """Its proxy port is seen there."""
    trace = _moved(_signed_in(SINGLE, node=N1).build(), N1, "254.1.2.3")

    proposal = propose(trace)

    assert load_site(build_site_yaml(proposal, name="x"), name="site").nodes
    assert proposal.seen_as["254.1.2.3:5262"] == "node1:5262"


def test_machines_of_one_address_are_told_apart_by_who_asks() -> None:
    """Everything on one machine: the same address is balancer and node, so each says whose requests it gets."""
    trace, first = _signed_in(PASSTHROUGH).build(), {VIP: 0, N1: 10000, N2: 20000}

    def move(end: Endpoint) -> Endpoint:
        if end.address not in first:
            return end
        return Endpoint(ip_address("127.0.0.1"), (end.port + first[end.address]) % (1 << 16))

    proposal = propose(
        replace(
            trace,
            connections=tuple(
                replace(c, client=move(c.client), server=move(c.server)) for c in trace.connections
            ),
        )
    )

    assert proposal.seen_as == {
        "127.0.0.1:25262": "node1:25262 from balancer1",
        "127.0.0.1:5262": "balancer1:5262",
    }


def test_a_proxy_without_tls_is_no_cert_proxy() -> None:
    """It is told, and nothing is judged by it."""
    builder = _signed_in(PASSTHROUGH)
    listener = Endpoint(ip_address("10.0.0.8"), 8080)
    (connect,) = [c for c in builder.build().connections if c.server == Endpoint(N2, 5262)]
    plain = replace(connect, server=listener, tls=None)

    proposal = propose(Trace(connections=(plain,)))

    assert [node.address for node in proposal.nodes] == [ip_address("198.51.100.200")]
    assert any(
        text.startswith("no TLS on 10.0.0.8:8080, which is asked for CONNECT")
        for text in proposal.unseen
    )


def test_what_nodes_ask_besides_is_proposed() -> None:
    """Names and time; what somebody else asks, and what a node asks on other ports, is not."""
    builder = _signed_in()
    dns, ntp = ip_address("10.0.0.53"), ip_address("10.0.0.123")
    for server, port, source in (
        (dns, 53, N2),
        (ntp, 123, N1),
        (dns, 53, N1),
        (dns, 99, N1),
        (ntp, 53, VIP),
    ):
        builder.packet("inside", Endpoint(source, 40000), Endpoint(server, port), protocol=17)

    proposal = propose(builder.build())

    assert [(s.name, s.text) for s in proposal.services] == [
        ("dns", "udp 10.0.0.53:53"),
        ("ntp", "udp 10.0.0.123:123"),
    ]
    site = load_site(build_site_yaml(proposal, name="x"), name="site")
    assert site.other_services == {"dns": "udp 10.0.0.53:53", "ntp": "udp 10.0.0.123:123"}


@pytest.mark.parametrize(
    ("name", "tap"),
    [
        ("terminating-cluster", "outside"),
        ("terminating-cluster", "dmz"),
        ("terminating-cluster", "inside"),
        ("other-port-F59", "inside"),
        ("passthrough-cluster", "dmz"),
    ],
)
def test_a_large_capture_needs_no_more_than_its_part(name: str, tap: str) -> None:
    """Without most packets, and without bodies that hold no certificate, the proposal is the same."""
    run = RUNS / f"{name}.pcapng"
    data, keys = split(run)[tap].getvalue(), read_key_log(run)
    part = decode(
        BytesIO(data),
        key_log=keys,
        choose=lambda texts: Chosen(ALL, may_hold_certificate),
        small=0,
        large=0,
    )
    whole = decode(BytesIO(data), key_log=keys)

    got, expected = (build_site_yaml(propose(t), name="x") for t in (part, whole))

    assert got == expected
    assert len(part.packets) < len(whole.packets)
