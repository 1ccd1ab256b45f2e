"""The shape of a call-back: where in a request a known port stands, and where in the answer a certificate."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.site.contract import CallBackForm, find_call_back_port, find_certificate
from harness.trace.http import Exchange, Message, Request

_PORT = re.compile(rb"[1-9][0-9]{0,4}", re.ASCII)
_COMMON = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "date",
        "host",
        "pragma",
        "te",
        "transfer-encoding",
        "user-agent",
        "via",
        "x-forwarded-for",
    }
)
"""Header fields that any request may have."""
_MEMBERS = 20
"""Members of an answer that are looked at."""


_CERTIFICATE = re.compile(rb"-----BEGIN|MII|\A\x30[\x81\x82]")
"""How PEM, base64 of DER, and DER begin (X.690 section 8.1.3.5: a length of two bytes or more)."""


def may_hold_certificate(exchange: Exchange) -> bool:
    """Whether a certificate can be in the body of an answer."""
    response = exchange.response
    return response is not None and _CERTIFICATE.search(response.body) is not None


def find_shape(exchange: Exchange, ports: set[int]) -> CallBackForm | None:
    """The form of a request that asks for one of these ports, and of its answer; None: it asks for none."""
    request = exchange.request
    if request is None:
        return None
    for form in _forms(request, ports):
        response = exchange.response
        if response is None or response.status != 200:
            return form
        return next(
            (
                whole
                for whole in (form.model_copy(update=place) for place in _places(response))
                if find_certificate(whole, headers=_lines(response), body=response.body)
            ),
            form,
        )
    return None


def find_further_headers(request: Request, form: CallBackForm) -> tuple[str, ...]:
    """Names of the header fields that are neither HTTP's own nor the one with the port: a proof may be in one."""
    names = dict.fromkeys(header.name.decode("latin-1") for header in request.headers)
    return tuple(
        name
        for name in names
        if name.lower() not in _COMMON and name.lower() != form.header.lower()
    )


def _forms(request: Request, ports: set[int]) -> Iterator[CallBackForm]:
    """Places of the request where one of the ports stands."""
    path, _, query = request.target.decode("latin-1").partition("?")
    candidates = [CallBackForm()]
    for digits in re.findall(r"[0-9]+", path):
        candidates.append(CallBackForm(path=path.replace(digits, "{port}", 1)))
    for name, _, value in (pair.partition("=") for pair in query.split("&")):
        if value:
            candidates.append(CallBackForm(path=path, query=name))
    for header in request.headers:
        if _PORT.fullmatch(header.value) and header.name.lower() != b"content-length":
            candidates.append(CallBackForm(path=path, header=header.name.decode("latin-1")))
    for form in candidates:
        port = find_call_back_port(
            form, target=request.target, headers=_lines(request), body=request.body
        )
        if port in ports:
            yield form


def _places(response: Message) -> Iterator[dict[str, str]]:
    """Places of an answer where a certificate can stand."""
    yield {"certificate_in": "pem"}
    yield {"certificate_in": "der"}
    for name in re.findall(rb'"([A-Za-z0-9_-]+)"\s*:\s*[\["]', response.body)[:_MEMBERS]:
        yield {"certificate_in": "json", "certificate_name": name.decode()}
    for header in response.headers:
        yield {"certificate_in": "header", "certificate_name": header.name.decode("latin-1")}


def _lines(message: Message) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((header.name, header.value) for header in message.headers)
