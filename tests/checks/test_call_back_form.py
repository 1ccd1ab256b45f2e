"""The form of a call-back on the messages of a trace."""

from __future__ import annotations

from harness.checks.call_back_form import find_fingerprint, find_key
from harness.site.contract import CallBackForm
from harness.trace.http import Exchange
from tests.trace_builder import CLUSTER, N1, N2, TraceBuilder, make_certificate, make_pem

ALICE = make_certificate("alice@example.com")
OTHER = CLUSTER.model_copy(
    update={"call_back": CallBackForm(path="/cert", query="port", certificate_in="der")}
)


def _exchange(target: str = "") -> Exchange:
    builder = TraceBuilder()
    wire = builder.call_back(N1, N2, key=41000, answer=(200, make_pem(ALICE)))
    if target:
        wire.answer(wire.ask(target), 404)
    return wire.exchanges[-1]


def test_our_own_form() -> None:
    """The default."""
    exchange = _exchange()

    assert find_key(exchange.request, CLUSTER) == 41000
    assert find_fingerprint(exchange, CLUSTER) == ALICE.sha256


def test_another_form_is_read_instead_of_ours() -> None:
    """What is no call-back here was one there."""
    assert find_key(_exchange().request, OTHER) is None
    assert find_key(_exchange("/cert?port=41000").request, OTHER) == 41000
    assert find_fingerprint(_exchange(), OTHER) is None


def test_what_was_not_seen_holds_nothing() -> None:
    """No request, no response."""
    exchange = Exchange(request=_exchange().request, response=None)

    assert find_key(None, CLUSTER) is None
    assert find_fingerprint(exchange, CLUSTER) is None
