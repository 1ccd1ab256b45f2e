"""Tunnels: who owns a port of a node, and how long."""

from __future__ import annotations

from harness.checks.tunnel import find_end
from harness.trace.packet_list import PacketList
from tests.checks.examining import make_case
from tests.defect_traces import ALICE
from tests.trace_builder import N1, N2, VIP, TraceBuilder, make_random


def test_a_tunnel_owns_the_port_of_its_connection() -> None:
    """From the 200 until both sides have closed."""
    builder = TraceBuilder()
    legs = builder.sign_in(certificate=ALICE)

    (owner,) = make_case(builder).owners[N2, legs.l3.client.port]
    assert owner.certificate == ALICE
    assert legs.l2.opened is not None
    assert owner.begun_ns == legs.l2.opened.time_ns
    assert not owner.lives(owner.begun_ns - 1)
    assert owner.ended_ns is not None
    assert owner.lives(owner.ended_ns)
    assert not owner.lives(owner.ended_ns + 1)


def test_a_reset_ends_a_connection_at_once() -> None:
    """One side is enough."""
    builder = TraceBuilder()
    wire = builder.open("dmz", N2, VIP, 443).reset()
    trace = builder.build()

    assert (
        find_end(PacketList.of(trace.packets), trace.connections[0])
        == trace.packet(wire.packets[-1]).time_ns
    )


def test_one_fin_does_not_end_a_connection() -> None:
    """The other side may still send."""
    builder = TraceBuilder()
    wire = builder.open("dmz", N2, VIP, 443)
    wire.send(from_client=True, flags=0x11, size=0)
    wire.is_over = True
    trace = builder.build()

    assert find_end(PacketList.of(trace.packets), trace.connections[0]) is None


def test_a_connection_without_a_known_tunnel_is_listed() -> None:
    """And a call-back is not one."""
    builder = TraceBuilder()
    builder.sign_in()
    lone = builder.open("dmz", N2, VIP, 443).handshake(make_random("lone"))

    assert list(make_case(builder).unowned) == [(N2, lone.client.port)]


def test_call_backs_come_with_their_requests() -> None:
    """In order of time; one without cause has none."""
    builder = TraceBuilder()
    builder.sign_in()
    builder.call_back(N1, N2, key=1, answer=(404, b""))

    first, second = make_case(builder).call_backs
    assert first.is_answered
    assert first.request is not None
    assert (second.key, second.request) == ((N2, 1), None)
