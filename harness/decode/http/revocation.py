"""Which HTTP bodies are OCSP messages or CRLs. Few captures have any, so what reads them is loaded for them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.trace.http import Header

if TYPE_CHECKING:
    from harness.trace.revocation import StatusAnswer, StatusQuery

_SEQUENCE = b"\x30"
"""What DER of either kind begins with."""


def find_query(headers: tuple[Header, ...], body: bytes) -> StatusQuery | None:
    """The OCSP request in a request's body (RFC 6960 appendix A.1); None: there is none that can be read."""
    if body[:1] != _SEQUENCE or _media_type(headers) != b"application/ocsp-request":
        return None
    from harness.decode.http.status_message import read_query

    return read_query(body)


def find_answer(headers: tuple[Header, ...], body: bytes) -> StatusAnswer | None:
    """The OCSP response or CRL in a response's body; None: there is none."""
    media_type = _media_type(headers) if body[:1] == _SEQUENCE else b""
    if media_type == b"application/ocsp-response":
        from harness.decode.http.status_message import read_ocsp

        return read_ocsp(body)
    if media_type == b"application/pkix-crl":  # RFC 2585 section 4.2
        from harness.decode.http.status_message import read_crl

        return read_crl(body)
    return None


def _media_type(headers: tuple[Header, ...]) -> bytes:
    found = (h.value for h in headers if h.name.lower() == b"content-type")
    return next(found, b"").partition(b";")[0].strip().lower()
