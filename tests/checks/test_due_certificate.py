"""The due certificate: by the run note, by the site, or by nobody."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.due_certificate import Due, find_difference, find_due, find_leaf_difference
from harness.checks.run_note import CertificateInForce
from harness.site.expected_certificate import ExpectedCertificate
from tests.checks.examining import NOTE, make_case
from tests.trace_builder import CLUSTER, N2, START_NS, VIP, TraceBuilder, make_server_certificate

SHOWN = make_server_certificate()
OTHER = make_server_certificate(serial=2)


def due(*in_force: CertificateInForce, **certificates: ExpectedCertificate) -> Due | None:
    """What node 2 has to show on 443."""
    site = CLUSTER.model_copy(
        update={"certificates": {k.replace("_", ":"): v for k, v in certificates.items()}}
    )
    builder = TraceBuilder(site)
    builder.open("dmz", VIP, N2, 443)
    case = make_case(builder, site, note=replace(NOTE, certificates=in_force))
    return find_due(case, case.trace.connections[0])


def at(listener: str, name: str, *, after_ns: int) -> CertificateInForce:
    """In force since so long after the start."""
    return CertificateInForce(at=listener, sha256=(name,), since_ns=START_NS + after_ns)


def test_nobody_says() -> None:
    """Nothing is due."""
    assert due() is None
    assert due(at("node1:443", "aa", after_ns=-1)) is None


def test_the_last_start_before_the_connection_counts() -> None:
    """Not an earlier one, and none after it."""
    found = due(
        at("node2:443", "aa", after_ns=-2),
        at("node2:443", "bb", after_ns=-1),
        at("node2:443", "cc", after_ns=10**12),
    )

    assert found is not None
    assert found.sha256 == ("bb",)


def test_the_site_says() -> None:
    """Where no run note does."""
    found = due(node2_443=ExpectedCertificate(sha256="AA:" * 31 + "AA", issuer="CN=CA"))

    assert found is not None
    assert (found.sha256, found.issuer, found.is_whole) == (("aa" * 32,), "CN=CA", False)


def test_differences() -> None:
    """Leaf, issuer and chain."""
    leaf = Due(sha256=(SHOWN.sha256,))

    assert find_difference(leaf, (SHOWN, OTHER)) is None
    assert OTHER.sha256[:16] in (find_difference(leaf, (OTHER,)) or "")
    assert find_leaf_difference(Due(issuer="CN=Server CA"), SHOWN) is None
    assert "is one of CN=Else" in (find_leaf_difference(Due(issuer="CN=Else"), SHOWN) or "")


def test_the_whole_chain_counts_where_it_was_imported() -> None:
    """B09: as it was imported, no more and no less."""
    whole = Due(sha256=(SHOWN.sha256, OTHER.sha256), is_whole=True, source="imported there")

    assert find_difference(whole, (SHOWN, OTHER)) is None
    assert find_difference(whole, (SHOWN,)) == (
        f"the right certificate with the chain of nobody else; imported there is it with {OTHER.sha256[:16]}"
    )
