"""V22: the same everywhere, and as on the settings page."""

from __future__ import annotations

import pytest

from harness.checks.v22_configuration import V22
from harness.site.expected_certificate import ExpectedCertificate
from harness.trace.certificate import Certificate
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys
from tests.trace_builder import (
    BYSTANDER,
    CLUSTER,
    N1,
    N2,
    N3,
    VIP,
    TraceBuilder,
    make_random,
    make_server_certificate,
    make_site,
)

LISTED = make_site(destination_forced=False, destination=f"{VIP}; {BYSTANDER}")


def _refused(
    target: str, *, site: object = LISTED, status: int = 403, proved: bool = True
) -> TraceBuilder:
    builder = TraceBuilder(site)  # type: ignore[arg-type]
    wire = builder.open("dmz", VIP, N2, 5262)
    wire.handshake(make_random("l2"), certificate=ALICE if proved else None, asks=True)
    wire.answer(wire.connect(target), status)
    return builder


@pytest.mark.parametrize("target", ["access.example.com:443", f"{BYSTANDER}:443"])
def test_a_target_that_is_allowed_and_refused_fails(target: str) -> None:
    """F88 F89: question and refusal are the evidence."""
    builder = _refused(target)

    (finding,) = result_of(V22, builder).findings
    assert f"a tunnel to {target}, which the settings allow" in finding.message
    assert finding.packets == tuple(builder.wires[0].packets[-2:])


@pytest.mark.parametrize(
    "builder",
    [
        _refused("10.9.9.9:443"),
        _refused(f"{BYSTANDER}:8443"),
        _refused("access.example.com:443", status=502),
        _refused("access.example.com:443", proved=False),
        _refused("bystander:443", site=CLUSTER),
    ],
    ids=["not listed", "port", "not reachable", "no certificate", "forced elsewhere"],
)
def test_a_refusal_for_a_reason_passes(builder: TraceBuilder) -> None:
    """The settings do not promise this tunnel."""
    assert result_of(V22, builder).outcome is Outcome.PASS


def test_a_passthrough_port_with_another_certificate_fails() -> None:
    """F52: not what the node shows on 443."""
    builder = TraceBuilder()
    builder.open("dmz", VIP, N2, 443).handshake(make_random("l4"))
    wire = builder.call_back(N1, N2, key=1, answer=(404, b""))
    wire.handshake(make_random("l5"), server=make_server_certificate(serial=2))

    (finding,) = result_of(V22, builder).findings
    assert "its type is passthrough" in finding.message


def test_nodes_with_different_names_on_one_port_fail() -> None:
    """F89: 5262 shows another site's certificate on one node."""
    builder = TraceBuilder()
    for node, names in ((N2, ("access.example.com",)), (N3, ("other.example.com",))):
        wire = builder.open("dmz", VIP, node, 5262)
        shown = make_server_certificate(*names)
        wire.handshake(make_random(str(node)), asks=True, server=shown, data=False)

    (finding,) = result_of(V22, builder).findings
    assert "for other.example.com" in finding.message


def _expecting(certificate: Certificate) -> TraceBuilder:
    """A sign-in at a site that expects this certificate on 443 of every node."""
    expected = ExpectedCertificate(sha256=certificate.sha256)
    places = ("node1:443", "node2:443", "node3:443")
    builder = TraceBuilder(
        CLUSTER.model_copy(update={"certificates": dict.fromkeys(places, expected)})
    )
    builder.open("dmz", VIP, N2, 443).handshake(make_random("l4"))
    return builder


def test_the_certificate_that_the_site_expects_passes() -> None:
    """B09: it is what is shown."""
    assert result_of(V22, _expecting(make_server_certificate())).outcome is Outcome.PASS


def test_another_certificate_than_the_site_expects_fails() -> None:
    """Without anything to compare it with."""
    (finding,) = result_of(V22, _expecting(make_server_certificate(serial=7))).findings

    assert "expected by the site is sha256" in finding.message
    assert finding.packets


def test_a_certificate_that_is_due_and_cannot_be_seen_is_unknown() -> None:
    """TLS 1.3 without keys."""
    builder = _expecting(make_server_certificate())
    result = result_of(V22, without_keys(builder.build(), 1), builder.site)

    assert result.outcome is Outcome.UNKNOWN
    assert "showed a certificate that cannot be seen" in (result.reason or "")


def test_another_key_fails_even_when_refused() -> None:
    """F48: the hashes on the page differ."""
    builder = TraceBuilder()
    headers = builder.prove(41000, key=b"other")
    builder.call_back(N1, N2, key=41000, answer=(403, b""), headers=headers)

    (finding,) = result_of(V22, builder).findings
    assert "does not hold under the certificate-proxy key" in finding.message


def test_a_sign_in_passes() -> None:
    """Everything as it should be."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V22, builder).outcome is Outcome.PASS


def test_what_cannot_be_read_is_unknown() -> None:
    """A refusal may be in there."""
    builder = _refused("access.example.com:443")

    assert result_of(V22, without_keys(builder.build(), 1), LISTED).outcome is Outcome.UNKNOWN
