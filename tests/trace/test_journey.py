"""A journey: what its legs say together."""

from __future__ import annotations

from harness.trace.journey import CallBack, Proxied, find_call_backs
from tests.checks.examining import make_case
from tests.trace_builder import N1, N2, TraceBuilder


def test_the_device_is_the_client_of_the_leg_nearest_to_it() -> None:
    """L1 where there is one, else L2."""
    builder = TraceBuilder()
    l1, l2, _ = builder.tunnel()
    outer, proxy = l1.build(1), l2.build(2)

    assert Proxied(outer=outer, proxy=proxy).device == l1.client
    assert Proxied(outer=None, proxy=proxy).device == l2.client


def test_a_call_back_without_answer_has_no_status() -> None:
    """None is not 404."""
    builder = TraceBuilder()
    wires = [builder.call_back(N1, N2, key=1, answer=answer) for answer in (None, (404, b""))]
    found = [
        CallBack(connection=c, exchange=c.exchanges[0], caller=N1, target=N2, key=1)
        for c in (wire.build(1) for wire in wires)
    ]

    assert [call_back.status for call_back in found] == [None, 404]


def test_call_backs_of_every_kind_are_found() -> None:
    """Caused, ambiguous, without cause."""
    builder = TraceBuilder()
    builder.sign_in()
    builder.call_back(N1, N2, key=40000, answer=(404, b""))
    journeys = make_case(builder).journeys

    assert [c.key for c in find_call_backs(journeys)] == [builder.wires[2].client.port, 40000]
