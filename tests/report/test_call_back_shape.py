"""The shape of a call-back, found by a port that is known."""

from __future__ import annotations

import pytest

from harness.report.call_back_shape import find_further_headers, find_shape
from harness.site.contract import CallBackForm
from harness.trace.http import Exchange
from tests.trace_builder import N1, N2, TraceBuilder, make_certificate, make_pem, make_random


@pytest.mark.parametrize(
    ("target", "headers", "expected"),
    [
        ("/api/v1/cert/{}", (), {"path": "/api/v1/cert/{port}"}),
        ("/cert?x=1&remotePort={}", (), {"path": "/cert", "query": "remotePort"}),
        ("/cert", (("X-Port", "{}"),), {"path": "/cert", "header": "X-Port"}),
    ],
    ids=["path", "query", "header"],
)
def test_the_form_of_the_call_back_is_found(
    target: str, headers: tuple[tuple[str, str], ...], expected: dict[str, str]
) -> None:
    """By the port number of a connection that a node opened, wherever it stands."""
    builder = TraceBuilder()
    wire = builder.open("inside", N1, N2, 5263).handshake(make_random("l5"))
    lines = tuple((name, value.format(40000).encode()) for name, value in headers)
    exchange = wire.ask(target.format(40000), headers=lines)
    wire.answer(exchange, 200, b'{"cert": "MAMCAQE="}')  # A short SEQUENCE: DER needs no more.
    form = find_shape(wire.exchanges[0], {39999, 40000})

    assert form is not None
    assert form.model_dump(exclude_defaults=True) == {
        **expected,
        "certificate_in": "json",
        "certificate_name": "cert",
    }


def test_our_own_form() -> None:
    """The default, PEM and all."""
    body = make_pem(make_certificate("alice@example.com"))
    wire = TraceBuilder().call_back(N1, N2, key=40000, answer=(200, body))
    form = find_shape(wire.exchanges[0], {40000})

    assert form is not None
    assert form.model_dump(exclude_defaults=True) == {}


def test_what_names_no_known_port_is_no_call_back() -> None:
    """Other numbers are anybody's."""
    wire = TraceBuilder().call_back(N1, N2, key=40000, answer=(404, b""))

    assert find_shape(wire.exchanges[0], {41000}) is None
    assert find_shape(Exchange(request=None, response=None), {40000}) is None


def test_headers_that_may_hold_a_proof() -> None:
    """What any request has is none, nor what holds the port."""
    lines = (("Accept", b"*/*"), ("X-Proof", b"ab"), ("X-Port", b"40000"), ("x-proof", b"cd"))
    wire = TraceBuilder().call_back(N1, N2, key=40000, answer=(404, b""), headers=lines)
    request = wire.exchanges[0].request

    assert request is not None
    assert find_further_headers(request, CallBackForm(header="x-port")) == ("X-Proof", "x-proof")
