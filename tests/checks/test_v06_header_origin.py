"""V06: whose RemotePort may have an effect."""

from __future__ import annotations

import pytest

from harness.checks.v06_header_origin import V06
from harness.verdict.outcome import Outcome
from tests.checks.examining import result_of
from tests.defect_traces import DEFECTIVE, WITHSTOOD
from tests.lost_evidence import without_keys
from tests.trace_builder import CLUSTER, N1, N2, VIP, TraceBuilder, make_random, make_site


def test_a_true_header_of_an_accepted_balancer_passes() -> None:
    """The balancer's own value."""
    builder = TraceBuilder()
    builder.sign_in()

    assert result_of(V06, builder).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("defect", "why"),
    [
        ("F15", "the client wrote it"),
        ("F17", "the TCP peer 10.20.7.7 is not in Accept RemotePort From"),
        ("F18", "the TCP peer 10.20.7.7 is not in Accept RemotePort From"),
        ("F28", "Allow RemotePort Header is off"),
    ],
)
def test_the_finding_says_why(defect: str, why: str) -> None:
    """And it names the request and the call-back."""
    (finding,) = result_of(V06, DEFECTIVE[defect]()).findings

    assert why in finding.message
    assert len(finding.packets) >= 2


def test_a_site_without_terminating_balancer_fails() -> None:
    """F29: nobody but a client can have written the header."""
    builder = TraceBuilder(make_site(service="passthrough", destination="localhost"))
    _, _, l3 = builder.tunnel()
    request = l3.ask(
        builder.login(), headers=(("RemotePort", b"40000"), ("X-Forwarded-For", str(N1).encode()))
    )
    builder.call_back(N2, N1, key=40000, answer=(404, b""))
    l3.answer(request, 403)

    (finding,) = result_of(V06, builder).findings
    assert "no balancer of the site ends TLS" in finding.message


def test_a_value_that_is_the_true_port_is_no_forgery() -> None:
    """The client guessed its proxy's port, and the balancer wrote the same: nothing came from the client."""
    builder = TraceBuilder()
    port = builder._port + 3
    builder.sign_in(client_headers=(("RemotePort", str(port).encode()),))

    assert result_of(V06, builder).outcome is Outcome.PASS


def test_an_odd_numeral_that_has_an_effect_fails() -> None:
    """F21: `+40000` read as 40000."""
    builder = TraceBuilder()
    builder.sign_in(
        client_headers=(("RemotePort", b"+40000"),), remote_port=b"+40000", key=40000, status=403
    )

    assert result_of(V06, builder).outcome is Outcome.FAIL


@pytest.mark.parametrize("name", WITHSTOOD, ids=str)
def test_a_header_without_effect_passes(name: str) -> None:
    """Sending is no fault; believing is."""
    assert result_of(V06, WITHSTOOD[name]()).outcome is Outcome.PASS


def test_a_header_whose_effect_is_uncertain_is_unknown() -> None:
    """Two requests could have caused the call-back."""
    builder = TraceBuilder()
    wires = [builder.open("dmz", VIP, N1, 443).handshake(make_random(name)) for name in "ab"]
    asked = [wire.ask(builder.login(), headers=(("RemotePort", b"40000"),)) for wire in wires]
    builder.call_back(N1, N2, key=40000, answer=(404, b""))
    for wire, request in zip(wires, asked, strict=True):
        wire.answer(request, 403)

    result = result_of(V06, builder)
    assert result.outcome is Outcome.UNKNOWN
    assert "cannot be told whether RemotePort had an effect" in (result.reason or "")


def test_without_keys_of_the_call_back_it_is_unknown() -> None:
    """Which port was asked for cannot be read."""
    builder = DEFECTIVE["F17"]()
    trace = without_keys(builder.build(), connection=2)

    assert result_of(V06, trace, CLUSTER).outcome is Outcome.UNKNOWN
