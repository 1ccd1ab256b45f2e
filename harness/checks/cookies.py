"""The session cookie of requests and answers."""

from __future__ import annotations

import re

from harness.site.sign_in import SESSION_COOKIE
from harness.trace.http import Exchange

_COOKIE = re.compile(rb"(?:^|;)\s*" + SESSION_COOKIE.encode() + rb"=([^;\s]+)")


def find_sent(exchange: Exchange) -> tuple[bytes, ...]:
    """The sessions that a request names."""
    values = exchange.request.values("Cookie") if exchange.request is not None else ()
    return tuple(cookie for value in values for cookie in _COOKIE.findall(value))


def find_set(exchange: Exchange) -> tuple[bytes, ...]:
    """The sessions that an answer opens."""
    values = exchange.response.values("Set-Cookie") if exchange.response is not None else ()
    return tuple(match[1] for value in values if (match := _COOKIE.match(value)) is not None)
