"""V13: one certificate for life."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks.v13_one_identity import V13
from harness.trace.certificate import Certificate
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import ALICE
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, TraceBuilder, make_certificate, make_random

BOB = make_certificate("bob@example.com")


def _shown_again(*later: object) -> TraceBuilder:
    builder = TraceBuilder()
    l1, l2, _ = builder.tunnel(certificate=ALICE)
    for wire in (l1, l2):
        wire.handshake(
            make_random("again"),
            certificate=ALICE,
            asks=True,
            later_client_certificates=tuple((one,) for one in later),
        )
    return builder


def test_the_same_certificate_again_passes() -> None:
    """Asked twice, answered alike."""
    assert result_of(V13, _shown_again(ALICE)).outcome is Outcome.PASS


def test_another_certificate_fails_once() -> None:
    """F72 F73: judged at the node, not again at the balancer."""
    builder = _shown_again(BOB)

    (finding,) = result_of(V13, builder).findings
    assert f"{ALICE.sha256[:16]} first, and {BOB.sha256[:16]} later" in finding.message
    assert finding.endpoints == (builder.wires[1].client, builder.wires[1].server)
    assert set(finding.packets) & set(builder.wires[1].packets)


def test_a_connection_that_cannot_be_read_is_unknown() -> None:
    """What it showed later is in the dark."""
    trace = without_keys(_shown_again(BOB).build(), connection=2)

    assert result_of(V13, trace, CLUSTER).outcome is Outcome.UNKNOWN


def _shown_late(first: Certificate | None, *, session: bytes = b"one") -> TraceBuilder:
    """A session (of `first`) resumed on another connection, on which the client shows ALICE in a second handshake."""
    builder = TraceBuilder()
    given, taken = builder.tunnel(certificate=ALICE), builder.tunnel(certificate=ALICE)
    for wire in given[:2]:
        wire.handshake(
            make_random("given"),
            certificate=first,
            asks=True,
            version=0x0303,
            issued_session_id=b"one",
        )
    for wire in taken[:2]:
        wire.handshake(make_random("taken"), version=0x0303, resumed=True, session_id=session)
        assert wire.tls is not None
        late = wire._seen(from_client=True)
        wire.tls = replace(
            wire.tls,
            client_certificate=late,
            client_certificates=(ALICE,),
            is_certificate_late=True,
        )
    return builder


@pytest.mark.parametrize(
    ("first", "session", "expected"),
    [
        pytest.param(ALICE, b"one", Outcome.PASS, id="the same"),
        pytest.param(BOB, b"one", Outcome.FAIL, id="another"),
        pytest.param(BOB, b"two", Outcome.UNKNOWN, id="nobody knows which"),
    ],
)
def test_a_resumed_session_stands_for_its_first_certificate(
    first: Certificate, session: bytes, expected: Outcome
) -> None:
    """A certificate that is shown on it later is no first one."""
    assert result_of(V13, _shown_late(first, session=session)).outcome is expected


def test_a_certificate_after_none_fails() -> None:
    """The handshake asked for none; a renegotiation did."""
    builder = TraceBuilder()
    for wire in builder.tunnel(certificate=ALICE)[:2]:
        wire.handshake(make_random("bare"), version=0x0303)
        assert wire.tls is not None
        late = wire._seen(from_client=True)
        wire.tls = replace(
            wire.tls,
            client_certificate=late,
            client_certificates=(ALICE,),
            is_certificate_late=True,
        )

    (finding,) = result_of(V13, builder).findings
    assert f"none first, and {ALICE.sha256[:16]} later" in finding.message


def test_packets_that_came_in_another_order_are_nothing_late() -> None:
    """The packet with Finished overtook the one with Certificate: in the stream they stand as they should."""
    builder = TraceBuilder()
    for wire in builder.tunnel(certificate=ALICE)[:2]:
        assert wire.tls is not None
        overtaken = wire._seen(from_client=True)
        wire.tls = replace(wire.tls, client_certificate=overtaken)

    assert result_of(V13, builder).outcome is Outcome.PASS
