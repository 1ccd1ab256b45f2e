"""Unreadable: which connections hold something that is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.capture.keylog import Secrets
from harness.checks.unreadable import find_all_unreadable, find_unreadable
from harness.decode.layers import LayerStack
from harness.trace.http import HTTP_2, Malformed
from tests.checks.examining import make_case
from tests.lost_evidence import without_keys
from tests.trace_builder import BYSTANDER, CLUSTER, N2, TraceBuilder


def test_what_is_read_has_no_reason() -> None:
    """Nothing is listed for a whole sign-in."""
    builder = TraceBuilder()
    builder.sign_in()
    case = make_case(builder)

    assert find_all_unreadable(case.legs, case.machines) == {}


def test_each_leg_without_keys_is_listed() -> None:
    """With the same reason as for it alone; every check looks it up there."""
    builder = TraceBuilder()
    builder.sign_in()
    case = make_case(without_keys(builder.build(), 3), CLUSTER)
    connection = case.trace.connections[2]

    reason = find_unreadable(connection, case.machines)
    assert reason is not None
    assert reason.endswith(f"; starts at packet {connection.packets[0]})")
    assert dict(case.unreadable) == {3: reason}


def test_what_is_no_leg_is_not_looked_at() -> None:
    """Traffic of others may carry what it likes."""
    builder = TraceBuilder()
    builder.open("dmz", BYSTANDER, BYSTANDER, 22).send(from_client=True)
    builder.wires[0].send(from_client=False)
    case = make_case(builder)
    (connection,) = case.trace.connections

    assert find_unreadable(connection, case.machines) is not None
    assert dict(case.unreadable) == {}
    assert N2 in case.machines.nodes


def test_http_2_behind_a_gap_is_a_reason() -> None:
    """A leg of which decode cannot read everything is UNKNOWN, also where all of its TLS is open (F83)."""
    builder = TraceBuilder()
    builder.sign_in()
    trace = builder.build()
    stack = LayerStack(Secrets())
    stack.feed("client", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", trace.connections[2].packets[-1], 1)
    stack.gap("client", 5, trace.connections[2].packets[-1], 1)
    found = stack.finish(client_closed=True, server_closed=True)["malformed"]
    changed = tuple(replace(c, malformed=found) if c.number == 3 else c for c in trace.connections)

    case = make_case(replace(trace, connections=changed), CLUSTER)

    assert set(case.unreadable) == {3}
    assert "is not understood (HTTP/2" in case.unreadable[3]


@pytest.mark.parametrize(
    ("status", "is_reset", "is_hidden"),
    [(400, False, False), (None, True, False), (200, False, True)],
)
def test_a_malformed_request_of_http_2(status: int | None, is_reset: bool, is_hidden: bool) -> None:
    """Refused with an answer, or by a reset of its stream alone, it hides nothing; the other streams go on."""
    builder = TraceBuilder()
    wire = builder.sign_in().l3
    odd = wire.ask("/odd", version=HTTP_2)
    if status is not None:
        wire.answer(odd, status)
    wire.exchanges[odd] = replace(wire.exchanges[odd], is_reset=is_reset)
    wire.answer(wire.ask("/good", version=HTTP_2), 200)
    packets = wire.exchanges[odd].packets
    wire.malformed = (
        Malformed(sender="client", layer="http", message="0x0d", packets=packets, exchange=odd),
    )

    case = make_case(builder)
    assert (3 in case.unreadable) is is_hidden
