"""V16: one name for the service."""

from __future__ import annotations

import pytest

from harness.checks.v16_name_agreement import V16, find_host
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys
from tests.trace_builder import BYSTANDER, CLUSTER, VIP, TraceBuilder, make_random

FQDN = "access.example.com"


def _answered(
    *,
    target: str = f"{FQDN}:443",
    sni: str | None = FQDN,
    host: bytes = FQDN.encode(),
    status: int = 200,
) -> TraceBuilder:
    """A request through a tunnel, under these names."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel(certificate=ALICE, target=target)
    assert l3.tls is not None
    l3.handshake(l3.tls.client_random or b"", sni=sni)
    l3.answer(l3.ask("/", headers=(("Host", host),)), status)
    return builder


@pytest.mark.parametrize("target", [f"{FQDN}:443", "ACCESS.example.com:443", f"{VIP}:443"])
def test_one_name_passes(target: str) -> None:
    """Whatever its case; its address counts as the name."""
    assert result_of(V16, _answered(target=target)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"target": "other.example.com:443"}, "CONNECT names other.example.com"),
        ({"sni": "other.example.com"}, "SNI names other.example.com"),
        ({"sni": None}, "SNI names nothing"),
        ({"host": b"other.example.com"}, "Host names other.example.com"),
    ],
    ids=["CONNECT", "SNI", "no SNI", "Host"],
)
def test_another_name_that_is_answered_fails(names: dict[str, str], expected: str) -> None:
    """F62: the answer is part of the evidence."""
    builder = _answered(**names)  # type: ignore[arg-type]

    (finding,) = result_of(V16, builder).findings
    assert expected in finding.message
    assert builder.wires[2].packets[-1] in finding.packets


def test_another_name_that_is_refused_passes() -> None:
    """RFC 9110 section 15.5.20: 421."""
    assert result_of(V16, _answered(host=b"other.example.com", status=421)).outcome is Outcome.PASS


def test_a_tunnel_to_something_else_has_names_of_its_own() -> None:
    """What may be reached is V15's."""
    builder = TraceBuilder()
    dials = ("inside", BYSTANDER, 443)
    _, _, l3 = builder.tunnel(certificate=ALICE, target="bystander:443", dials=dials)
    l3.answer(l3.ask("/", headers=(("Host", b"bystander"),)), 200)

    assert result_of(V16, builder).outcome is Outcome.PASS


def test_a_method_other_than_connect_fails() -> None:
    """F86: a plain request to a proxy port."""
    builder = TraceBuilder()
    wire = builder.open("outside", VIP, VIP, 5262)
    del wire
    l2 = builder.open("dmz", VIP, next(iter(CLUSTER.nodes.values())), 5262)
    l2.handshake(make_random("l2"), certificate=ALICE, asks=True)
    l2.answer(l2.ask("https://access.example.com/"), 200)

    (finding,) = result_of(V16, builder).findings
    assert "expected CONNECT alone" in finding.message


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("169084169:443", "expected a plain name"),
        ("user@access.example.com:443", "expected a plain name"),
        ("access.example.com.:443", "expected a plain name"),
    ],
)
def test_an_odd_authority_that_is_granted_fails(target: str, expected: str) -> None:
    """F63: each reader sees another host."""
    builder = TraceBuilder()
    builder.tunnel(certificate=ALICE, target=target)

    (finding,) = result_of(V16, builder).findings
    assert expected in finding.message


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        (b"a.example:443", "a.example"),
        (b"[2001:db8::1]:443", "2001:db8::1"),
        (b"10.0.0.1:443", "10.0.0.1"),
        (b"10.0.1:443", None),
        (b"0x0a000001:443", None),
        (b"a.example", None),
        (b"[a]:443", None),
    ],
)
def test_the_host_of_an_authority(authority: bytes, host: str | None) -> None:
    """Plain names and canonical addresses alone."""
    assert find_host(authority) == host


def test_a_tunnel_that_cannot_be_read_is_unknown() -> None:
    """What was answered in it is in the dark."""
    trace = without_keys(_answered(host=b"other").build(), connection=3)

    assert result_of(V16, trace, CLUSTER).outcome is Outcome.UNKNOWN
