"""The form of a call-back, as the site has it: what a request asks for, and what an answer hands out."""

from __future__ import annotations

import hashlib

from harness.site.contract import find_call_back_port, find_certificate
from harness.site.site import Site
from harness.trace.http import Exchange, Message, Request


def find_key(request: Request | None, site: Site) -> int | None:
    """The port whose certificate a request asks for; None when it is no call-back."""
    if request is None:
        return None
    return find_call_back_port(
        site.call_back, target=request.target, headers=_lines(request), body=request.body
    )


def find_fingerprint(exchange: Exchange, site: Site) -> str | None:
    """SHA-256 of the first certificate of a call-back's answer."""
    response = exchange.response
    if response is None:
        return None
    der = find_certificate(site.call_back, headers=_lines(response), body=response.body)
    return hashlib.sha256(der).hexdigest() if der is not None else None


def _lines(message: Message) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((header.name, header.value) for header in message.headers)
