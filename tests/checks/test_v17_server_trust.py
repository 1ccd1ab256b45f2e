"""V17: whom a call-back reaches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks.v17_server_trust import V17
from harness.site.expected_certificate import ExpectedCertificate
from harness.trace.certificate import Certificate
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.lost_evidence import without_keys
from tests.trace_builder import (
    CLUSTER,
    N1,
    N2,
    START_NS,
    VIP,
    TraceBuilder,
    make_random,
    make_server_certificate,
    make_site,
)

CUSTOM = make_site(
    ports=({"port": 5262}, {"port": 5263, "admin_port": True, "ssl_certificate_type": "custom"})
)


def _shown(certificate: Certificate, *, site: object = CLUSTER) -> TraceBuilder:
    """Node 2 shows one certificate on 443, and this one on its admin port."""
    builder = TraceBuilder(site)  # type: ignore[arg-type]
    builder.open("dmz", VIP, N2, 443).handshake(make_random("l4"))
    wire = builder.call_back(N1, N2, key=41000, answer=(404, b""))
    wire.handshake(make_random("l5"), server=certificate)
    return builder


@pytest.mark.parametrize("site", [CLUSTER, CUSTOM], ids=["passthrough", "custom"])
def test_the_node_s_own_certificate_passes(site: object) -> None:
    """What it shows on 443."""
    assert result_of(V17, _shown(make_server_certificate(), site=site)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("certificate", "site", "expected"),
    [
        (make_server_certificate("access.example.com"), CUSTOM, "expected node2"),
        (make_server_certificate(serial=2), CLUSTER, "not the one node2 shows on 443"),
        (make_server_certificate(serial=2, issuer="bb02"), CUSTOM, "of another authority"),
        (replace(make_server_certificate(), not_after_ns=START_NS), CUSTOM, "not valid at this"),
        (replace(make_server_certificate(), problem="cut"), CUSTOM, "cannot be read"),
    ],
    ids=["F51 no node name", "F52 stale", "F50 impostor", "expired", "unreadable"],
)
def test_another_certificate_fails(certificate: Certificate, site: object, expected: str) -> None:
    """Whether the caller goes on or not."""
    (finding,) = result_of(V17, _shown(certificate, site=site)).findings

    assert expected in finding.message
    assert finding.packets


@pytest.mark.parametrize(
    ("expected", "outcome"),
    [({"issuer": "CN=Server CA"}, Outcome.PASS), ({"issuer": "CN=Another"}, Outcome.FAIL)],
    ids=["as expected", "another issuer"],
)
def test_the_site_can_say_who_issued_it(expected: dict[str, str], outcome: Outcome) -> None:
    """Without anything to compare it with."""
    certificates = {"node2:443": ExpectedCertificate(**expected)}
    site = CLUSTER.model_copy(update={"certificates": certificates})

    assert result_of(V17, _shown(make_server_certificate(), site=site)).outcome is outcome


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("node2.corp.example", Outcome.PASS),
        ("*.corp.example", Outcome.PASS),
        ("*.example", Outcome.FAIL),
        ("node1.corp.example", Outcome.FAIL),
    ],
)
def test_a_node_has_its_name_in_the_domain(name: str, outcome: Outcome) -> None:
    """B07, B08: a wildcard stands for one label."""
    site = CUSTOM.model_copy(update={"domain": "corp.example"})

    assert result_of(V17, _shown(make_server_certificate(name), site=site)).outcome is outcome


def test_a_call_back_in_the_clear_fails() -> None:
    """F56: the request itself is the evidence."""
    builder = TraceBuilder()
    wire = builder.call_back(N1, N2, key=41000, answer=(404, b""))
    wire.tls = None

    (finding,) = result_of(V17, builder).findings
    assert "in clear text" in finding.message
    assert finding.packets == (wire.packets[-2],)


def test_a_certificate_that_was_not_seen_is_unknown() -> None:
    """TLS 1.3 without keys."""
    builder = _shown(make_server_certificate())

    trace = without_keys(builder.build(), connection=2)
    assert result_of(V17, trace, CLUSTER).outcome is Outcome.UNKNOWN
