"""Sniff: which protocol a connection carries, from the first bytes of a side; None means that more bytes are needed."""

from __future__ import annotations

import re
from typing import Literal

from harness.decode.tls.ssl2 import SSL_2_0, OldHello, find_hello

Protocol = Literal["tls", "ssl2", "http", "http2", "other"]
"""`http` is HTTP/1; `ssl2` is SSL 2.0 itself; its ClientHello with an offer of TLS is `tls`."""

_METHODS = tuple(
    method + b" "
    for method in (
        b"GET",
        b"HEAD",
        b"POST",
        b"PUT",
        b"DELETE",
        b"CONNECT",
        b"OPTIONS",
        b"TRACE",
        b"PATCH",
        b"PROPFIND",
    )
)
_REQUEST = re.compile(
    rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t].*[ \t]HTTP/[01]\.[0-9][ \t]*\r?\n", re.DOTALL
)
_HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client of HTTP/2 says first (RFC 9113 section 3.4)."""
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CLIENT_HELLO = re.compile(
    rb"\x16\x03[\x00-\x03][\x00-\x40].\x01\x00[\x00-\x40].\x03[\x00-\x03]", re.DOTALL
)
_MAX_LINE_SIZE = 8192
"""Bytes of a first line that are waited for."""


def sniff_client(data: bytes) -> Protocol | None:
    """What a client begins to say."""
    if not data:
        return None
    found = _sniff_tls(data)
    if found != "other":
        return found
    if data[0] & 0x80:
        hello = find_hello(data)
        if isinstance(hello, OldHello):
            return "ssl2" if hello.version == SSL_2_0 else "tls"
        return "other" if hello is False else None
    if data.startswith(_HTTP_2):
        return "http2"
    if _HTTP_2.startswith(data):
        return None
    text = data.lstrip(b"\r\n")
    if text.startswith(_METHODS):
        return "http"
    if not text or any(method.startswith(text) for method in _METHODS):
        return None
    line, end, _ = text.partition(b"\n")
    if end:
        return "http" if _REQUEST.fullmatch(line + end) else "other"
    return "other" if _NO_TEXT.search(text) or len(text) > _MAX_LINE_SIZE else None


def sniff_server(data: bytes) -> Protocol | None:
    """What a server begins to say, where nothing of the client was seen."""
    if not data:
        return None
    found = _sniff_tls(data)
    if found != "other":
        return found
    if len(data) < 7:
        return None if b"HTTP/1.".startswith(data) else "other"
    return "http" if data.startswith(b"HTTP/1.") else "other"


def _sniff_tls(data: bytes) -> Protocol | None:
    """A record header: type 20 to 23, version 3.0 to 3.4 (RFC 8446 section 5.1)."""
    if (
        not 20 <= data[0] <= 23
        or (len(data) > 1 and data[1] != 3)
        or (len(data) > 2 and data[2] > 4)
    ):
        return "other"
    return "tls" if len(data) > 2 else None


def begins_with_request(data: bytes) -> bool:
    """A whole request line of HTTP/1 with a method that is common: not what another protocol would say by chance."""
    line, end, _ = data[:_MAX_LINE_SIZE].partition(b"\n")
    return data.startswith(_METHODS) and _REQUEST.fullmatch(line + end) is not None


def begins_with_client_hello(data: bytes) -> bool:
    """A record with a ClientHello of TLS (RFC 8446 sections 4 and 5.1): ten bytes of which few can be chance."""
    return _CLIENT_HELLO.match(data) is not None
