"""V21: everybody sees the same requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks.v21_framing import V21
from harness.trace.http import Malformed
from harness.trace.trace import Trace
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, N1, PIXEL, VIP, TraceBuilder, Wire, make_random


def _odd(*statuses: int) -> tuple[TraceBuilder, Wire]:
    """A request that two readers see differently, and the answers on its connection."""
    builder = TraceBuilder()
    wire = builder.open("outside", PIXEL, VIP, 443).handshake(make_random("odd"))
    exchanges = [wire.ask("/", method=b"POST") for _ in statuses]
    first = wire.exchanges[0].request
    assert first is not None
    for exchange, status in zip(exchanges, statuses, strict=True):
        wire.answer(exchange, status)
    odd = Malformed(sender="client", layer="http", message="two lengths", packets=first.packets)
    wire.malformed = (odd,)
    return builder, wire


def test_an_odd_request_that_is_refused_passes() -> None:
    """400, and nothing after it."""
    builder, _ = _odd(400)

    assert result_of(V21, builder).outcome is Outcome.PASS


@pytest.mark.parametrize("statuses", [(200,), (302,), (400, 200)], ids=str)
def test_an_odd_request_that_is_taken_fails(statuses: tuple[int, ...]) -> None:
    """F22 F82: also when it is what follows that is answered."""
    builder, wire = _odd(*statuses)

    (finding,) = result_of(V21, builder).findings
    assert "can be read in two ways: two lengths" in finding.message
    assert wire.malformed[0].packets[0] in finding.packets


@pytest.mark.parametrize("statuses", [(405, 401), (400, 404), (411, 405, 404)], ids=str)
def test_going_on_after_an_odd_request_fails(statuses: tuple[int, ...]) -> None:
    """F82: refused or not, what follows it may be a request that only one reader sees."""
    builder, _ = _odd(*statuses)

    (finding,) = result_of(V21, builder).findings
    assert "went on answering" in finding.message


@pytest.mark.parametrize("refusal", [400, 408])
def test_a_good_request_before_an_odd_one_in_the_same_packet_is_no_failure(refusal: int) -> None:
    """200 to the first, a refusal to the second, and the end: which was odd is not known."""
    builder, wire = _odd(200, refusal)
    wire.exchanges = [
        replace(e, request=replace(e.request, packets=wire.malformed[0].packets))
        for e in wire.exchanges
        if e.request is not None
    ]

    assert result_of(V21, builder).outcome is Outcome.UNKNOWN


def _placed(index: int, *statuses: int) -> TraceBuilder:
    """Requests of one packet, of which one is odd, and the answers."""
    builder, wire = _odd(*statuses)
    first = wire.malformed[0].packets
    wire.exchanges = [
        replace(e, request=replace(e.request, packets=first))
        for e in wire.exchanges
        if e.request is not None
    ]
    wire.malformed = (replace(wire.malformed[0], exchange=index),)
    return builder


@pytest.mark.parametrize(
    ("index", "statuses"), [(1, (200, 400)), (1, (200, 405)), (0, (400, 400)), (2, (200, 302, 400))]
)
def test_a_request_that_is_known_to_be_odd_and_was_refused(
    index: int, statuses: tuple[int, ...]
) -> None:
    """What stood before it in the same packet was answered, which is right."""
    assert result_of(V21, _placed(index, *statuses)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("index", "statuses", "told"),
    [
        (0, (200, 400), "answered 200"),
        (1, (200, 200), "answered 200"),
        (0, (400, 200), "went on answering"),
        (0, (400, 400, 404), "went on answering"),
    ],
)
def test_a_request_that_is_known_to_be_odd_and_was_not_refused(
    index: int, statuses: tuple[int, ...], told: str
) -> None:
    """It was taken, or something behind it was."""
    (finding,) = result_of(V21, _placed(index, *statuses)).findings

    assert told in finding.message


def test_a_smuggled_request_fails() -> None:
    """F82: beside one of the balancer's, one that it never saw."""
    builder = TraceBuilder()
    legs = builder.sign_in()
    smuggled = legs.l4.ask("/admin")
    legs.l4.answer(smuggled, 404)

    (finding,) = result_of(V21, builder).findings
    assert "a request for /admin" in finding.message


def test_a_balancer_s_own_probe_passes() -> None:
    """On a connection of its own."""
    builder = TraceBuilder()
    probe = builder.open("dmz", VIP, N1, 443).handshake(make_random("probe"))
    probe.answer(probe.ask("/health"), 200)

    assert result_of(V21, builder).outcome is Outcome.PASS


def test_a_tunnel_with_a_length_fails() -> None:
    """F85: RFC 9110 section 9.3.6 has none."""
    builder = TraceBuilder()
    _, l2, _ = builder.tunnel(certificate=ALICE)
    l2.answer(0, 200, headers=(("Content-Length", b"0"),))

    (finding,) = result_of(V21, builder).findings
    assert "with Content-Length" in finding.message


def test_an_answer_after_the_tunnel_was_opened_fails() -> None:
    """F84: what came behind the CONNECT was taken for a request."""
    builder = TraceBuilder()
    _, l2, _ = builder.tunnel(certificate=ALICE)
    l2.answer(l2.ask("/"), 405)

    (finding,) = result_of(V21, builder).findings
    assert "answered 405 after it had opened a tunnel" in finding.message


def _answered_inside(*, inside: int, there: int) -> Trace:
    """A tunnel with a request and an answer in the clear, and the answer that came from its other end."""
    builder = TraceBuilder()
    _, l2, l3 = builder.tunnel(certificate=ALICE)
    l3.answer(l3.ask("/"), there)
    trace = builder.build()
    (said,) = next(c.exchanges for c in trace.connections if c.server == l3.server)
    assert said.response is not None
    said = replace(said, response=replace(said.response, status=inside))
    return replace(
        trace,
        connections=tuple(
            replace(c, tunnel=replace(c.tunnel, tls=None, exchanges=(said,)))
            if c.tunnel is not None and c.server == l2.server
            else c
            for c in trace.connections
        ),
    )


def test_an_answer_in_the_clear_inside_a_tunnel_fails() -> None:
    """F84: nobody at its other end said that."""
    (finding,) = result_of(V21, _answered_inside(inside=405, there=400), CLUSTER).findings

    assert "answered 405 inside the tunnel" in finding.message


def test_an_answer_in_the_clear_that_is_handed_on_passes() -> None:
    """Nginx answers HTTP on a TLS port in the clear; the cert proxy passes that on."""
    assert result_of(V21, _answered_inside(inside=400, there=400), CLUSTER).findings == ()


def test_what_cannot_be_read_is_unknown() -> None:
    """Its boundaries are in the dark."""
    builder, _ = _odd(200)

    assert result_of(V21, without_keys(builder.build(), 1), CLUSTER).outcome is Outcome.UNKNOWN
