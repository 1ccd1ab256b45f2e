"""V15: every IP packet that a node sends."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.checks import v15_destination
from harness.checks.v15_destination import MOST_PAIRS, V15
from harness.net.address import Address, Endpoint
from harness.site.site import Site
from harness.trace.packet import Flow
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.lost_evidence import without_packet
from tests.trace_builder import (
    ACK,
    BYSTANDER,
    CLUSTER,
    LOCALHOST,
    N1,
    N2,
    PASSTHROUGH,
    PIXEL,
    RST,
    SINGLE,
    SYN,
    VIP,
    TraceBuilder,
    make_site,
)

ICMP, UDP, ICMPV6 = 1, 17, 58


@pytest.fixture(autouse=True, params=[MOST_PAIRS, 2], ids=["remembering", "forgetful"])
def _forget(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of large captures not every connection is remembered for ever, which changes no verdict."""
    monkeypatch.setattr(v15_destination, "MOST_PAIRS", request.param)


def _listed(text: str) -> Site:
    return make_site(destination_forced=False, destination=text)


@pytest.mark.parametrize(
    "site",
    [
        pytest.param(CLUSTER, id="forced by name"),
        pytest.param(make_site(destination=str(VIP)), id="forced by address"),
        pytest.param(PASSTHROUGH, id="forced to localhost"),
        pytest.param(_listed(f"{VIP}"), id="listed address"),
        pytest.param(_listed("10.20.0.0/24"), id="listed CIDR"),
        pytest.param(_listed("10.20.0.0 255.255.255.0"), id="listed subnet"),
    ],
)
def test_whole_sign_ins_pass(site: Site) -> None:
    """Every packet of every node in them is accounted for."""
    builder = TraceBuilder(site)
    builder.sign_in()
    builder.sign_in(node=N1, access=N2)

    assert result_of(V15, builder).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("site", "tap", "address", "port"),
    [
        pytest.param(CLUSTER, "inside", BYSTANDER, 443, id="F57 forced"),
        pytest.param(_listed(""), "inside", BYSTANDER, 443, id="F58 empty list"),
        pytest.param(_listed(str(BYSTANDER)), "inside", BYSTANDER, 8443, id="F59 other port"),
        pytest.param(CLUSTER, "dmz", VIP, 5262, id="F64 its own entry"),
        pytest.param(CLUSTER, "node2.lo", LOCALHOST, 443, id="F66 loopback"),
        pytest.param(
            _listed("0.0.0.0/0"), "node2.lo", LOCALHOST, 443, id="F66 loopback not listed"
        ),
        pytest.param(CLUSTER, "dmz", ip_address("169.254.169.254"), 80, id="F66 metadata"),
        pytest.param(CLUSTER, "inside", N1, 443, id="another node's service"),
        pytest.param(CLUSTER, "inside", N1, 22, id="another node's shell"),
    ],
)
def test_a_syn_to_anything_else_fails(site: Site, tap: str, address: Address, port: int) -> None:
    """Answered or not: the SYN is the evidence."""
    builder = TraceBuilder(site)
    source = LOCALHOST if address == LOCALHOST else N2
    wire = builder.open(tap, source, address, port, answered=False)

    (finding,) = result_of(V15, builder).findings
    assert finding.packets == tuple(wire.packets)
    assert finding.endpoints == (wire.client, wire.server)


def test_retries_are_one_finding() -> None:
    """One for each destination, with the first packet."""
    builder = TraceBuilder()
    wire = builder.open("inside", N2, BYSTANDER, 443, answered=False)
    wire.send(from_client=True, flags=SYN, size=0)
    builder.open("inside", N2, BYSTANDER, 443, answered=False)

    assert len(result_of(V15, builder).findings) == 1


def test_the_message_names_what_is_allowed() -> None:
    """The wrong value beside the right one."""
    builder = TraceBuilder()
    wire = builder.open("inside", N2, BYSTANDER, 443)

    (finding,) = result_of(V15, builder).findings
    assert finding.message == (
        f"node2 {wire.client} sent TCP to bystander 10.30.0.5:443, "
        "but Destination is forced to access.example.com (10.20.0.10), port 443"
    )


def test_answers_of_a_server_pass() -> None:
    """Also the reset of a closed port, and whatever an attacker provokes."""
    builder = TraceBuilder()
    builder.open("dmz", BYSTANDER, N2, 443)
    refused = builder.open("dmz", BYSTANDER, N2, 8443, answered=False)
    refused.send(from_client=False, flags=RST, size=0)

    assert result_of(V15, builder).outcome is Outcome.PASS


def test_a_four_tuple_used_again_the_other_way_fails() -> None:
    """The node answered once; then it opened the same pair itself."""
    builder = TraceBuilder()
    first = builder.open("dmz", BYSTANDER, N2, 443)
    again = builder.packet("dmz", first.server, first.client, flags=SYN)

    (finding,) = result_of(V15, builder).findings
    assert finding.packets == (again,)


def test_what_was_forgotten_is_judged_when_it_opens_again() -> None:
    """After many others the node still answers whoever asks, and may still open nothing itself."""
    builder = TraceBuilder()
    old = builder.open("dmz", BYSTANDER, N2, 443)
    for port in range(1, 9):
        builder.open("dmz", PIXEL, N2, 443 + port)
    builder.packet("dmz", old.client, old.server, flags=SYN)
    builder.packet("dmz", old.server, old.client, flags=SYN | ACK)
    assert result_of(V15, builder).outcome is Outcome.PASS

    again = builder.packet("dmz", old.server, old.client, flags=SYN)
    (finding,) = result_of(V15, builder).findings
    assert finding.packets == (again,)


def _datagram(builder: TraceBuilder, source: Address, destination: Address, port: int) -> None:
    builder.packet("dmz", Endpoint(source, 5353), Endpoint(destination, port), protocol=UDP)


def test_udp_counts() -> None:
    """A datagram of the node's own fails, an answer and a service of the site's pass."""
    own, answer, service = (
        TraceBuilder(),
        TraceBuilder(),
        TraceBuilder(
            CLUSTER.model_copy(update={"other_services": {"time": f"udp {BYSTANDER}:123"}})
        ),
    )
    _datagram(own, N2, BYSTANDER, 53)
    answer.packet("dmz", Endpoint(BYSTANDER, 53), Endpoint(N2, 5353), protocol=UDP)
    _datagram(answer, N2, BYSTANDER, 53)
    _datagram(service, N2, BYSTANDER, 123)

    outcomes = [result_of(V15, builder).outcome for builder in (own, answer, service)]
    assert outcomes == [Outcome.FAIL, Outcome.PASS, Outcome.PASS]


def _icmp(
    builder: TraceBuilder,
    source: Address,
    destination: Address,
    kind: int,
    quoted: Flow | None = None,
) -> None:
    builder.packet(
        "dmz",
        Endpoint(source, 0),
        Endpoint(destination, 0),
        protocol=ICMP,
        icmp_type=kind,
        quoted=quoted,
    )


def test_icmp_counts() -> None:
    """An echo request of the node's own fails; a reply passes, and only after a request."""
    own, reply, unasked = TraceBuilder(), TraceBuilder(), TraceBuilder()
    _icmp(own, N2, BYSTANDER, 8)
    _icmp(reply, BYSTANDER, N2, 8)
    _icmp(reply, N2, BYSTANDER, 0)
    _icmp(unasked, N2, BYSTANDER, 0)

    outcomes = [result_of(V15, builder).outcome for builder in (own, reply, unasked)]
    assert outcomes == [Outcome.FAIL, Outcome.PASS, Outcome.FAIL]


def test_an_icmp_error_about_a_received_packet_passes() -> None:
    """A datagram to a closed port; the same error about nothing fails."""
    flow = Flow(src=BYSTANDER, dst=N2, protocol=UDP, src_port=5353, dst_port=53)
    about, invented = TraceBuilder(), TraceBuilder()
    _datagram(about, BYSTANDER, N2, 53)
    for builder in (about, invented):
        _icmp(builder, N2, BYSTANDER, 3, quoted=flow)

    assert [result_of(V15, b).outcome for b in (about, invented)] == [Outcome.PASS, Outcome.FAIL]


def test_ipv6_from_nobody_known_is_unknown() -> None:
    """A node may have sent it; link-local chatter is told apart."""
    stranger, chatter = TraceBuilder(), TraceBuilder()
    source, group = ip_address("fe80::5"), ip_address("ff02::16")
    stranger.packet(
        "dmz", Endpoint(source, 40000), Endpoint(ip_address("2001:db8::1"), 443), flags=SYN
    )
    chatter.packet("dmz", Endpoint(source, 0), Endpoint(group, 0), protocol=ICMPV6, icmp_type=143)

    assert result_of(V15, stranger).outcome is Outcome.UNKNOWN
    assert result_of(V15, chatter).outcome is Outcome.PASS


def test_ipv6_on_a_loopback_tap_is_the_nodes() -> None:
    """::1 on node2.lo is node2."""
    builder = TraceBuilder()
    localhost = ip_address("::1")
    builder.packet("node2.lo", Endpoint(localhost, 40000), Endpoint(localhost, 8080), flags=SYN)

    (finding,) = result_of(V15, builder).findings
    assert "node2 [::1]:40000 sent TCP to node2 [::1]:8080" in finding.message


def test_a_connection_whose_start_was_not_seen_is_unknown() -> None:
    """Who opened it cannot be told."""
    builder = TraceBuilder()
    builder.packet("dmz", Endpoint(N2, 443), Endpoint(PIXEL, 41000), flags=0x10)

    result = result_of(V15, builder)
    assert result.outcome is Outcome.UNKNOWN
    assert "whose start was not seen" in (result.reason or "")


def test_a_packet_that_cannot_be_read_is_unknown() -> None:
    """A cut IP header may hide anything."""
    builder = TraceBuilder()
    builder._add(tap="dmz", size=34, ether_type=0x0800, note="bad IPv4 header length 3")

    assert result_of(V15, builder).outcome is Outcome.UNKNOWN


def test_a_lost_packet_is_unknown() -> None:
    """Whatever was lost may have been a node's."""
    builder = TraceBuilder(SINGLE)
    builder.sign_in(node=N1)
    trace = without_packet(builder.build(), builder.wires[0].packets[0])

    assert result_of(V15, trace, SINGLE).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("answered", "to", "port", "expected"),
    [
        (False, N1, 443, Outcome.PASS),
        (True, N1, 443, Outcome.FAIL),
        (False, BYSTANDER, 443, Outcome.FAIL),
        (False, N1, 8443, Outcome.FAIL),
    ],
    ids=["handed on", "the balancer answered", "to a stranger", "another port"],
)
def test_what_a_silent_balancer_hands_on_is_not_the_nodes(
    *, answered: bool, to: Address, port: int, expected: Outcome
) -> None:
    """F35: with nothing but the destination changed, and answered on another segment; V26 tells."""
    builder = TraceBuilder()
    asked = builder.open("dmz", N2, VIP, 443, answered=answered)
    source = asked.client.port
    builder.open("dmz", N2, to, port, answered=False, source=source)
    builder.open("inside", N2, to, port, source=source).reset()

    assert result_of(V15, builder).outcome is expected
