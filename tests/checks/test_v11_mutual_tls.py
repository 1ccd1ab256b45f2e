"""V11: what is proxied for whom."""

from __future__ import annotations

from harness.checks.v11_mutual_tls import V11
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE, DEFECTIVE, WITHSTOOD
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, N1, N2, PIXEL, VIP, TraceBuilder, make_random


def test_a_proved_certificate_passes() -> None:
    """The tunnel of a mutual handshake."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V11, builder).outcome is Outcome.PASS


def test_a_tunnel_without_certificate_fails_once() -> None:
    """F67: judged at the node, not a second time at the balancer that passes it on."""
    builder = DEFECTIVE["F67"]()
    l2 = builder.wires[1]

    (finding,) = result_of(V11, builder).findings
    assert "node2 10.20.1.2:5262 opened a tunnel for vip" in finding.message
    assert finding.endpoints == (l2.client, l2.server)


def test_a_certificate_without_proof_fails() -> None:
    """A Certificate message with no CertificateVerify: anybody has copies of certificates."""
    builder = TraceBuilder()
    _, l2, _ = builder.tunnel(certificate=ALICE)
    l2.handshake(make_random("other"), certificate=ALICE, asks=True, certificate_verify=None)

    assert result_of(V11, builder).outcome is Outcome.FAIL


def test_a_tunnel_without_tls_fails() -> None:
    """CONNECT in the clear proves nothing."""
    builder = TraceBuilder()
    wire = builder.open("dmz", PIXEL, N2, 5262)
    wire.grant(wire.connect("access.example.com:443"))

    assert result_of(V11, builder).outcome is Outcome.FAIL


def test_a_handshake_that_asks_for_nothing_fails() -> None:
    """F36: no CertificateRequest, and data was taken."""
    (finding,) = result_of(V11, DEFECTIVE["F36"]()).findings

    assert "asked pixel" in finding.message
    assert "for no client certificate" in finding.message


def test_a_probe_passes() -> None:
    """F39: a balancer's health check ends without certificate and without data."""
    builder = TraceBuilder()
    builder.open("dmz", VIP, N2, 5262).handshake(make_random("probe"), asks=True, data=False)
    builder.open("dmz", VIP, N2, 5262)

    assert result_of(V11, builder).outcome is Outcome.PASS


def test_data_before_the_refusal_passes_when_nothing_came_of_it() -> None:
    """TLS 1.3: the CONNECT of a client without certificate arrives before the alert that refuses it."""
    name = "F36 F67: a device without certificate is refused"

    assert result_of(V11, WITHSTOOD[name]()).outcome is Outcome.PASS


def _acted_on(builder: TraceBuilder) -> TraceBuilder:
    """F74: CONNECT without certificate, the node dials, then refuses."""
    l2 = builder.open("dmz", VIP, N2, 5262).handshake(make_random("l2"), asks=True)
    l2.connect("access.example.com:443")
    builder.open("dmz", N2, VIP, 443)
    l2.send(from_client=False)
    return builder


def test_acting_on_data_before_the_refusal_fails() -> None:
    """F74: the node opened L3 for a client that it then refused."""
    builder = _acted_on(TraceBuilder())

    (finding,) = result_of(V11, builder).findings
    assert "without a client certificate" in finding.message
    assert builder.wires[1].packets[0] in finding.packets


def test_a_connection_that_another_device_may_have_caused_is_unknown() -> None:
    """Two waited; one had proved a certificate."""
    builder = TraceBuilder()
    proved = builder.open("dmz", VIP, N2, 5262).handshake(
        make_random("p"), certificate=ALICE, asks=True
    )
    proved.connect("access.example.com:443")
    _acted_on(builder)
    proved.send(from_client=False)

    assert result_of(V11, builder).outcome is Outcome.UNKNOWN


def _probed(*, connects: bool, certificate: bool = False) -> TraceBuilder:
    builder = TraceBuilder()
    probe = builder.open("dmz", VIP, N2, 5262).handshake(
        make_random("probe"), asks=True, data=False, certificate=ALICE if certificate else None
    )
    if connects:
        builder.open("dmz", N2, VIP, 443)
    probe.send(from_client=False)
    return builder


def test_a_connection_that_nobody_asked_for_fails() -> None:
    """F39: a probe was all there was."""
    builder = _probed(connects=True)

    (finding,) = result_of(V11, builder).findings
    assert "for which nobody had asked, while vip 10.20.0.10" in finding.message
    assert builder.wires[1].packets[0] in finding.packets


def test_a_probe_of_which_nothing_comes_passes() -> None:
    """Nothing is opened meanwhile, or the one who is there proved a certificate."""
    assert result_of(V11, _probed(connects=False)).outcome is Outcome.PASS
    assert result_of(V11, _probed(connects=True, certificate=True)).outcome is Outcome.PASS


def test_call_backs_on_a_proxy_port_are_left_to_v09() -> None:
    """They are no device's."""
    builder = TraceBuilder()
    builder.call_back(N1, N2, port=5262, key=40000, answer=(200, b""))

    assert result_of(V11, builder).outcome is Outcome.PASS


def test_a_resumption_without_known_ancestor_is_unknown() -> None:
    """What the first handshake proved was not seen."""
    builder = TraceBuilder()
    _, l2, _ = builder.tunnel(certificate=ALICE)
    l2.handshake(make_random("resumed"), resumed=True)

    result = result_of(V11, builder)
    assert result.outcome is Outcome.UNKNOWN
    assert "was not seen" in (result.reason or "")


def test_a_proxy_connection_that_cannot_be_read_is_unknown() -> None:
    """Without keys of L2 there may have been no certificate."""
    builder = DEFECTIVE["F67"]()
    trace = without_keys(without_keys(builder.build(), connection=2), connection=1)

    assert result_of(V11, trace, CLUSTER).outcome is Outcome.UNKNOWN
