"""V08: number and form of the two headers in each request from a terminating balancer."""

from __future__ import annotations

import pytest

from harness.checks.v08_single_value import V08
from harness.trace.http import Header
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.lost_evidence import without_keys
from tests.trace_builder import (
    ATTACKER,
    CLUSTER,
    N1,
    N2,
    PASSTHROUGH,
    VIP,
    TraceBuilder,
    make_random,
    make_site,
)


def test_one_plain_value_passes() -> None:
    """As a good balancer writes it."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V08, builder).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((), id="none"),
        pytest.param((b"40000", b"40001"), id="F19 two lines"),
        pytest.param((b"40000, 40001",), id="F20 folded"),
        pytest.param((b"+40000",), id="F21 sign"),
        pytest.param((b"040000",), id="F21 leading zero"),
        pytest.param((b"40_000",), id="F21 underscore"),
        pytest.param((b"105536",), id="F21 too large"),
        pytest.param((b"0",), id="zero"),
        pytest.param(("٤٠٠٠٠".encode(),), id="F21 other digits"),
        pytest.param((b"",), id="empty"),
    ],
)
def test_any_other_form_fails(values: tuple[bytes, ...]) -> None:
    """The finding names the request, and shows the value."""
    builder = TraceBuilder()
    legs = builder.sign_in(remote_port=values, call_back=False, status=400)

    (finding,) = result_of(V08, builder).findings
    assert "RemotePort: got" in finding.message
    assert finding.packets == (legs.l4.packets[6],)


def test_a_name_in_connection_fails() -> None:
    """F23: the next hop would drop the header."""
    builder = TraceBuilder()
    builder.sign_in(headers=(("Connection", b"close, remoteport"),))

    (finding,) = result_of(V08, builder).findings
    assert "makes RemotePort hop-by-hop" in finding.message


def test_a_trailer_fails() -> None:
    """F31: a second value after the body."""
    builder = TraceBuilder()
    wire = builder.open("dmz", VIP, N1, 443).handshake(make_random("trailer"))
    headers = (("RemotePort", b"40000"), ("X-Forwarded-For", str(N2).encode()))
    trailers = (Header(name=b"remoteport", value=b"41000"),)
    wire.answer(wire.ask(builder.login(), headers=headers, trailers=trailers), 403)

    (finding,) = result_of(V08, builder).findings
    assert "in a trailer" in finding.message


@pytest.mark.parametrize(
    ("count", "forwarded", "expected"),
    [
        pytest.param(1, b"10.20.1.2", Outcome.PASS, id="as many as balancers"),
        pytest.param(1, b"unknown, 10.20.1.3, 10.20.1.2", Outcome.PASS, id="more on the left"),
        pytest.param(2, b"10.20.1.2, 10.20.0.11", Outcome.PASS, id="two for two"),
        pytest.param(2, b"10.20.1.2", Outcome.FAIL, id="F25 too few"),
        pytest.param(1, b"unknown", Outcome.FAIL, id="F27 no address"),
        pytest.param(1, b"", Outcome.FAIL, id="empty"),
    ],
)
def test_forwarded_for_is_long_enough(count: int, forwarded: bytes, expected: Outcome) -> None:
    """At least as many elements as balancers, those well-formed."""
    builder = TraceBuilder(make_site(number_of_load_balancers=count))
    builder.sign_in(forwarded_for=forwarded, call_back=False, status=403)

    assert result_of(V08, builder).outcome is expected


def test_it_is_the_balancers_promise_alone() -> None:
    """What an attacker sends past the balancer, or while Allow is off, is not judged here."""
    builder = TraceBuilder()
    wire = builder.open("dmz", ATTACKER, N1, 443).handshake(make_random("attack"))
    wire.answer(wire.ask(builder.login(), headers=(("RemotePort", b"1, 2"),)), 403)
    off = TraceBuilder(make_site(allow_remote_port_header=False))
    off.sign_in(remote_port=(), call_back=False, status=403)
    passed = TraceBuilder(PASSTHROUGH)
    passed.sign_in()

    assert [result_of(V08, b).outcome for b in (builder, off, passed)] == [Outcome.PASS] * 3


def test_a_request_that_cannot_be_read_is_unknown() -> None:
    """Without keys of L4 nothing is claimed."""
    builder = TraceBuilder()
    builder.sign_in()
    result = result_of(V08, without_keys(builder.build(), connection=4), CLUSTER)

    assert result.outcome is Outcome.UNKNOWN
    assert f"vip {VIP}" in (result.reason or "")
