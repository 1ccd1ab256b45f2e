"""V05: the call-back goes to the node that opened the connection."""

from __future__ import annotations

import pytest

from harness.checks.v05_right_node import V05
from harness.net.address import Address
from harness.site.site import Site
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.lost_evidence import without_keys, without_packet
from tests.trace_builder import (
    CLUSTER,
    GALAXY,
    N1,
    N2,
    N3,
    PASSTHROUGH,
    PIXEL,
    VIP,
    TraceBuilder,
    make_random,
    make_site,
)


@pytest.mark.parametrize("site", [CLUSTER, PASSTHROUGH], ids=["terminating", "pass-through"])
def test_the_right_node_passes(site: Site) -> None:
    """By the headers, or by the peer."""
    builder = TraceBuilder(site)
    builder.sign_in()

    assert result_of(V05, builder).outcome is Outcome.PASS


def test_another_node_fails_naming_connection_request_and_call_back() -> None:
    """F44: the packets are the SYN of L3, the request on L4 and the call-back."""
    builder = TraceBuilder()
    legs = builder.sign_in(asked=N3)
    assert legs.l5 is not None

    (finding,) = result_of(V05, builder).findings
    assert "node3 10.20.1.3:5263" in finding.message
    assert f"node2 10.20.1.2:{legs.l3.client.port}" in finding.message
    assert finding.packets == (legs.l3.packets[0], legs.l4.packets[6], legs.l5.packets[6])


def test_another_port_of_the_right_node_passes() -> None:
    """The node is compared; which of its ports is V09's business."""
    builder = TraceBuilder()
    builder.sign_in(asked_port=5262)

    assert result_of(V05, builder).outcome is Outcome.PASS


def test_a_call_back_for_a_request_past_the_proxy_fails() -> None:
    """F16: a device's own connection stands behind the request, and a node is asked all the same."""
    builder = TraceBuilder()
    front = builder.open("outside", PIXEL, VIP, 443).handshake(make_random("front"))
    back = builder.open("dmz", VIP, N1, 443).handshake(make_random("back"))
    target = builder.login()
    asked = front.ask(target)
    request = back.ask(
        target, headers=(("RemotePort", b"40000"), ("X-Forwarded-For", str(N2).encode()))
    )
    builder.call_back(N1, N2, key=40000, answer=(404, b""))
    builder.finish(front, asked, back, request, user="", status=403)

    (finding,) = result_of(V05, builder).findings
    assert f"came from pixel {front.client}, through no node's proxy" in finding.message


def test_a_call_back_without_cause_fails() -> None:
    """No request at the caller was open when it asked."""
    builder = TraceBuilder()
    builder.sign_in()
    wire = builder.call_back(N3, N2, key=40000, answer=(404, b""))

    (finding,) = result_of(V05, builder).findings
    assert "no request at node3 10.20.1.3 asked for it" in finding.message
    assert finding.packets == (wire.packets[6],)


def test_a_call_back_without_cause_in_a_lossy_capture_is_unknown() -> None:
    """The request that caused it may be among what was lost."""
    builder = TraceBuilder()
    builder.call_back(N3, N2, key=40000, answer=(404, b""))
    unrelated = builder.open("outside", N1, N2, 9).packets[0]
    trace = without_packet(builder.build(), unrelated)

    assert result_of(V05, trace, CLUSTER).outcome is Outcome.UNKNOWN


def _two_at_one_node(*, keys: tuple[int | None, int | None]) -> TraceBuilder:
    """Two requests open at node1 at the same time, each with a call-back; None: the true key."""
    builder = TraceBuilder()
    open_requests = []
    for name in ("one", "two"):
        _, _, l3 = builder.tunnel()
        l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random(name))
        target = builder.login()
        true = (("RemotePort", str(l3.client.port).encode()), ("X-Forwarded-For", str(N2).encode()))
        open_requests.append((l3, l3.ask(target), l4, l4.ask(target, headers=true)))
    for (l3, *_), key in zip(open_requests, keys, strict=True):
        builder.call_back(N1, N2, key=key or l3.client.port, answer=(404, b""))
    for legs in open_requests:
        builder.finish(*legs, user="", status=403)
    return builder


def test_two_requests_at_once_are_told_apart_by_their_headers() -> None:
    """Each call-back asks what one of the requests says."""
    assert result_of(V05, _two_at_one_node(keys=(None, None))).outcome is Outcome.PASS


def test_a_port_that_no_open_request_names_fails() -> None:
    """Whichever request it belongs to: none of them came from that port."""
    (finding,) = result_of(V05, _two_at_one_node(keys=(None, 40000))).findings

    assert "of 2 open requests at node1 10.20.1.1 none names that port" in finding.message


def _same_port_at_two_nodes(asked: Address, *, forwarded: str = "") -> TraceBuilder:
    """Requests of node2's and node3's proxies, both from one port number, and a call-back for that port.

    `forwarded` stands in X-Forwarded-For of both instead of the truth.
    """
    builder = TraceBuilder()
    start = builder.port()
    open_requests = []
    for device, node in ((PIXEL, N2), (GALAXY, N3)):
        builder.next_port(start)
        _, _, l3 = builder.tunnel(device=device, node=node)
        builder.next_port(start + 10 * len(builder.wires))
        l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random(str(node)))
        target = builder.login()
        lines = (
            ("RemotePort", str(l3.client.port).encode()),
            ("X-Forwarded-For", (forwarded or str(node)).encode()),
        )
        open_requests.append((l3, l3.ask(target), l4, l4.ask(target, headers=lines)))
    builder.call_back(N1, asked, key=open_requests[0][0].client.port, answer=(404, b""))
    for legs in open_requests:
        builder.finish(*legs, user="", status=403)
    return builder


def test_a_node_that_is_wrong_for_every_open_request_fails() -> None:
    """F44 among many: the port names two requests, and neither came through the node that was asked."""
    (finding,) = result_of(V05, _same_port_at_two_nodes(N1)).findings

    assert "asked node1 10.20.1.1:5263" in finding.message
    assert "whichever of 2 open requests it belongs to, it is wrong" in finding.message


def test_one_port_at_two_nodes_is_told_apart_by_the_list() -> None:
    """Node and port together name one request."""
    assert result_of(V05, _same_port_at_two_nodes(N3)).outcome is Outcome.PASS


def test_right_for_one_and_wrong_for_another_is_unknown() -> None:
    """Nobody can say which of the two caused it."""
    result = result_of(V05, _same_port_at_two_nodes(N2, forwarded=str(N1)))

    assert result.outcome is Outcome.UNKNOWN
    assert "several requests" in (result.reason or "")


def test_two_requests_of_one_connection_are_right_either_way() -> None:
    """One device asks twice at once: both name the same node and port."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel()
    lines = (("RemotePort", str(l3.client.port).encode()), ("X-Forwarded-For", str(N2).encode()))
    open_requests = []
    for name in ("one", "two"):
        l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random(name))
        target = builder.login()
        open_requests.append((l3, l3.ask(target), l4, l4.ask(target, headers=lines)))
    builder.call_back(N1, N2, key=l3.client.port, answer=(404, b""))
    for legs in open_requests:
        builder.finish(*legs, user="", status=403)

    assert result_of(V05, builder).outcome is Outcome.PASS


def test_an_unentitled_header_is_left_to_v06() -> None:
    """Allow is off: whatever the header did, V06 says so."""
    builder = TraceBuilder(make_site(allow_remote_port_header=False))
    builder.sign_in(forwarded_for=str(N3).encode(), asked=N3)

    assert result_of(V05, builder).findings == ()


def test_without_keys_of_the_service_leg_it_is_unknown() -> None:
    """The request behind the call-back cannot be read."""
    builder = TraceBuilder()
    builder.sign_in(asked=N3)
    trace = without_keys(builder.build(), connection=4)

    assert result_of(V05, trace, CLUSTER).outcome is Outcome.UNKNOWN
