"""V14: TLS on a pass-through port reaches a node unchanged."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.v14_passthrough import V14
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import DEFECTIVE
from tests.lost_evidence import without_packet
from tests.trace_builder import (
    CLUSTER,
    N2,
    PIXEL,
    VIP,
    TraceBuilder,
    make_certificate,
    make_preamble,
    make_random,
)


def test_the_same_hello_behind_the_balancer_passes() -> None:
    """L1 and L2 have one ClientHello.random."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V14, builder).outcome is Outcome.PASS


def test_a_terminated_port_fails_naming_both_handshakes() -> None:
    """F36: the balancer's own TLS to the node is shown beside the device's."""
    builder = DEFECTIVE["F36"]()
    l1, l2 = builder.wires

    (finding,) = result_of(V14, builder).findings
    assert (
        "passed it to no node; it opened TLS of its own to node2 10.20.1.2:5262" in finding.message
    )
    assert finding.packets == tuple(sorted((*l1.packets[3:5], *l2.packets[3:5])))


def test_another_server_certificate_fails() -> None:
    """The same hello, but not the node's certificate in front."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    assert legs.l1.tls is not None
    legs.l1.tls = replace(legs.l1.tls, server_certificates=(make_certificate("impostor"),))

    (finding,) = result_of(V14, builder).findings
    assert "showed pixel" in finding.message


def test_an_unanswered_hello_passes() -> None:
    """Nobody ended TLS, so nobody read it."""
    builder = TraceBuilder()
    wire = builder.open("outside", PIXEL, VIP, 5262)
    wire.handshake(make_random("unanswered"), server_hello=None, decrypted="no")

    assert result_of(V14, builder).findings == ()


def test_a_terminating_port_may_end_tls() -> None:
    """443 of a terminating balancer promises nothing of the kind."""
    builder = TraceBuilder()
    builder.open("outside", PIXEL, VIP, 443).handshake(make_random("front"))

    assert result_of(V14, builder).outcome is Outcome.PASS


def test_a_probe_of_the_balancer_passes() -> None:
    """Its own connections to nodes need no device in front."""
    builder = TraceBuilder()
    builder.open("dmz", VIP, N2, 5262).handshake(make_random("probe"), asks=True, data=False)

    assert result_of(V14, builder).outcome is Outcome.PASS


def test_tls_that_only_the_balancer_began_fails() -> None:
    """L1 is not there: whoever the node saw, it was no device."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    builder.wires.remove(legs.l1)

    (finding,) = result_of(V14, builder).findings
    assert (
        "opened TLS to node2 10.20.1.2:5262 that no client of its own had begun" in finding.message
    )
    assert finding.packets == tuple(legs.l2.packets[3:5])


def test_tls_that_only_the_balancer_began_and_nobody_can_read_is_unknown() -> None:
    """It may have been a probe."""
    builder = TraceBuilder()
    wire = builder.open("dmz", VIP, N2, 5262)
    wire.handshake(make_random("probe"), data=False, client_finished=None, decrypted="no")

    assert result_of(V14, builder).outcome is Outcome.UNKNOWN


def test_a_proxy_header_before_the_tls_fails() -> None:
    """F42: the cert proxy takes it for the ClientHello."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    legs.l2.preamble = make_preamble(legs.l2)

    (finding,) = result_of(V14, builder).findings
    assert (
        "wrote a PROXY header (version 1) for 203.0.113.10:40000 before the TLS" in finding.message
    )
    assert finding.packets == (legs.l2.packets[3],)


def test_a_lossy_capture_is_unknown() -> None:
    """The connection to the node may be among what was lost."""
    builder = DEFECTIVE["F36"]()
    lost = builder.wires[1].packets[-1]

    assert result_of(V14, without_packet(builder.build(), lost), CLUSTER).outcome is Outcome.UNKNOWN


def test_a_hello_that_was_not_seen_is_unknown() -> None:
    """Without a random nothing can be compared."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    assert legs.l1.tls is not None
    legs.l1.tls = replace(legs.l1.tls, client_random=None, client_hello=None)

    result = result_of(V14, builder)
    assert result.outcome is Outcome.UNKNOWN
    assert "no ClientHello" in (result.reason or "")
