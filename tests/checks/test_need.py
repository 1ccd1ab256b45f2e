"""Needs: what counts as missing evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.checks.need import (
    CALL_BACK_CONTENT,
    COMPLETE,
    HELLOS,
    NODE_SERVICE_CONTENT,
    PROXY_CONTENT,
    SERVICE_CONTENT,
    Need,
)
from harness.trace.http import Malformed
from harness.trace.packet import PacketNumber
from harness.trace.trace import Trace
from tests.checks.examining import make_case
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, N2, PIXEL, VIP, TraceBuilder, make_random

ALL = (COMPLETE, PROXY_CONTENT, SERVICE_CONTENT, NODE_SERVICE_CONTENT, CALL_BACK_CONTENT, HELLOS)


def _signed_in() -> TraceBuilder:
    builder = TraceBuilder()
    builder.sign_in()
    return builder


def _missing(trace: Trace) -> list[Need]:
    case = make_case(trace, CLUSTER)
    return [need for need in ALL if need.missing(case)]


def test_a_whole_trace_lacks_nothing() -> None:
    """Every need is met."""
    assert _missing(_signed_in().build()) == []


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        pytest.param(1, [PROXY_CONTENT], id="L1"),
        pytest.param(2, [PROXY_CONTENT], id="L2"),
        pytest.param(3, [SERVICE_CONTENT], id="L3"),
        pytest.param(4, [SERVICE_CONTENT, NODE_SERVICE_CONTENT], id="L4"),
        pytest.param(5, [CALL_BACK_CONTENT], id="L5"),
    ],
)
def test_keys_are_missed_where_they_are_needed(connection: int, expected: list[Need]) -> None:
    """Each leg has its need; ClientHello is in the clear."""
    assert _missing(without_keys(_signed_in().build(), connection)) == expected


def test_the_reason_names_connection_and_packet() -> None:
    """And why it could not be read."""
    trace = without_keys(_signed_in().build(), connection=1)

    assert PROXY_CONTENT.missing(make_case(trace, CLUSTER)) == (
        "pixel 203.0.113.10:41001 to vip 10.20.0.10:5262 cannot be read "
        "(no secret for this client random; starts at packet 7)",
    )


def _probe(**facts: Any) -> Trace:
    builder = TraceBuilder()
    builder.open("dmz", VIP, N2, 5262).handshake(make_random("probe"), **facts)
    return builder.build()


def test_a_refused_tls_1_2_handshake_hides_nothing() -> None:
    """It is in the clear until it ends; in TLS 1.3 nobody can tell, and once it ended it hides all."""
    refused: dict[str, Any] = {
        "client_finished": None,
        "server_finished": None,
        "data": False,
        "decrypted": "no",
    }

    assert _missing(_probe(version=0x0303, **refused)) == []
    assert _missing(_probe(version=0x0304, **refused)) == [PROXY_CONTENT]
    assert _missing(_probe(version=0x0303, decrypted="partly")) == [PROXY_CONTENT]
    assert _missing(_probe(version=None, server_hello=None, decrypted="no")) == []


def test_bytes_that_are_neither_tls_nor_http_are_missed() -> None:
    """If both sides spoke; a client alone broke nothing."""
    both, one = TraceBuilder(), TraceBuilder()
    for builder in (both, one):
        builder.open("outside", PIXEL, VIP, 5262).send(from_client=True)
    both.wires[0].send(from_client=False)

    assert _missing(both.build()) == [PROXY_CONTENT, HELLOS]
    assert _missing(one.build()) == []


def test_malformed_http_is_missed() -> None:
    """Two readers could see different requests in it."""
    builder = _signed_in()
    where = (PacketNumber(builder.wires[3].packets[6]),)
    builder.wires[3].malformed = (
        Malformed(
            sender="client", layer="http", message="both Content-Length and chunked", packets=where
        ),
    )

    assert _missing(builder.build()) == [SERVICE_CONTENT, NODE_SERVICE_CONTENT]


def test_a_missing_hello_is_missed() -> None:
    """A pass-through port with TLS whose start was not seen."""
    builder = _signed_in()
    wire = builder.wires[0]
    assert wire.tls is not None
    wire.tls, wire.exchanges = replace(wire.tls, client_random=None), []

    assert HELLOS in _missing(builder.build())
