"""The session cookie."""

from __future__ import annotations

from harness.checks.cookies import find_sent, find_set
from tests.trace_builder import N1, PIXEL, TraceBuilder


def test_cookies_are_read_from_both_sides() -> None:
    """Among others, and only by their own name."""
    wire = TraceBuilder().open("outside", PIXEL, N1, 443)
    number = wire.ask(
        "/", headers=(("Cookie", b"a=1; HZN=one; XHZN=two"), ("Cookie", b"HZN=three"))
    )
    wire.answer(number, 200, headers=(("Set-Cookie", b"HZN=four; Secure"), ("Set-Cookie", b"b=2")))
    exchange = wire.exchanges[0]

    assert find_sent(exchange) == (b"one", b"three")
    assert find_set(exchange) == (b"four",)
