"""V20: each for itself."""

from __future__ import annotations

from harness.checks.v20_no_mixing import V20
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys
from tests.right_traces import RIGHT
from tests.trace_builder import CLUSTER, N1, N2, VIP, TraceBuilder, make_random


def _pooled(*, mixed: bool) -> TraceBuilder:
    """Two devices on one connection of the balancer; the second call-back is for its own port or the first one's."""
    builder = TraceBuilder()
    l4 = builder.open("dmz", VIP, N1, 443).handshake(make_random("pooled"))
    first = 0
    for _ in range(2):
        _, _, l3 = builder.tunnel(certificate=ALICE)
        first = first or l3.client.port
        target = builder.login()
        asked = l3.ask(target)
        true = (("RemotePort", str(l3.client.port).encode()), ("X-Forwarded-For", str(N2).encode()))
        request = l4.ask(target, headers=true)
        key = first if mixed else l3.client.port
        builder.call_back(N1, N2, key=key, answer=(404, b""))
        builder.finish(l3, asked, l4, request, user="", status=403)
    return builder


def test_each_request_by_its_own_header_passes() -> None:
    """Also on one connection."""
    assert result_of(V20, _pooled(mixed=False)).outcome is Outcome.PASS
    assert (
        result_of(V20, RIGHT["several requests of one L3 with the same RemotePort"]()).outcome
        is Outcome.PASS
    )


def test_the_header_of_an_earlier_request_fails() -> None:
    """F30: both requests are the evidence."""
    builder = _pooled(mixed=True)
    first, second = (e.request for e in builder.wires[0].exchanges)
    assert first is not None
    assert second is not None

    (finding,) = result_of(V20, builder).findings
    assert "of an earlier request on the connection" in finding.message
    assert {*first.packets, *second.packets} <= set(finding.packets)


def test_a_tunnel_that_goes_on_twice_fails() -> None:
    """The same inner ClientHello on two connections of the node."""
    builder = TraceBuilder()
    _, _, l3 = builder.tunnel(certificate=ALICE)
    assert l3.tls is not None
    builder.open("dmz", N2, VIP, 443).handshake(l3.tls.client_random or b"")

    (finding,) = result_of(V20, builder).findings
    assert "goes on in 2 connections" in finding.message


def test_two_tunnels_on_one_connection_fail() -> None:
    """A second CONNECT after the first was granted."""
    builder = TraceBuilder()
    _, l2, _ = builder.tunnel(certificate=ALICE)
    l2.answer(l2.connect("access.example.com:443"), 200)

    (finding,) = result_of(V20, builder).findings
    assert "opened 2 tunnels" in finding.message


def _left_unused(*, is_shared: bool, others: int = 0) -> TraceBuilder:
    """A tunnel in which nobody says anything, and another device's that goes on in its connection, or in its own."""
    builder = TraceBuilder()
    first = builder.open("dmz", VIP, N2, 5262).handshake(make_random("first"), certificate=ALICE)
    asked = first.connect("access.example.com:443")
    onward = builder.open("dmz", N2, VIP, 443)
    for _ in range(others):
        builder.open("dmz", N2, VIP, 443)
    first.grant(asked)
    second = builder.open("dmz", VIP, N2, 5262).handshake(make_random("second"), certificate=ALICE)
    asked = second.connect("access.example.com:443")
    own = onward if is_shared else builder.open("dmz", N2, VIP, 443)
    second.grant(asked)
    second.carry(make_random("inner"))
    own.handshake(make_random("inner"))
    return builder


def test_a_connection_that_was_opened_for_another_tunnel_fails() -> None:
    """F13: nobody had said anything in it."""
    (finding,) = result_of(V20, _left_unused(is_shared=True)).findings

    assert "that its node had opened for" in finding.message
    assert len(finding.endpoints) == 5


def test_a_tunnel_in_which_nobody_says_anything_passes() -> None:
    """The next one has a connection of its own; or nobody can tell for whom the node had opened it before."""
    assert result_of(V20, _left_unused(is_shared=False)).findings == ()
    assert result_of(V20, _left_unused(is_shared=True, others=1)).findings == ()


def test_requests_that_cannot_be_read_are_unknown() -> None:
    """Whose header it was is in the dark."""
    trace = without_keys(_pooled(mixed=True).build(), connection=1)

    assert result_of(V20, trace, CLUSTER).outcome is Outcome.UNKNOWN
