"""Draft: an HTTP message while its bytes come in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from harness.decode.detail import EVERYTHING, Detail
from harness.decode.http.head import RequestLine, StatusLine
from harness.decode.http.lane import Span
from harness.decode.http.revocation import find_answer, find_query
from harness.trace.http import Header, Request, Response

MAX_BODY_KEPT = EVERYTHING.body_limit
"""Bytes of a body that a Message keeps, if nothing else is said; size and hash are of all."""


@dataclass(slots=True)
class Body:
    """Content without its transfer coding."""

    kept: bytearray = field(default_factory=bytearray)
    size: int = 0
    whole: bool = True
    """No byte is missing."""
    limit: int = MAX_BODY_KEPT
    """Bytes that are kept at most."""
    _hash: hashlib._Hash | None = field(default_factory=hashlib.sha256)
    """None: not wanted."""

    def add(self, data: bytes) -> None:
        """Take in the next bytes."""
        if self._hash is not None:
            self._hash.update(data)
        self.size += len(data)
        if len(self.kept) < self.limit:
            self.kept += data[: self.limit - len(self.kept)]

    def miss(self, size: int) -> None:
        """Count bytes that were not seen; what is kept ends before them."""
        self.size += size
        self.whole = False

    def sha256(self) -> str:
        """Hex, or nothing where bytes are missing."""
        return self._hash.hexdigest() if self.whole and self._hash is not None else ""


def build_body(detail: Detail) -> Body:
    """A body of which nothing has come yet."""
    if detail.hashes:
        return Body(limit=detail.body_limit)
    return Body(limit=detail.body_limit, _hash=None)


@dataclass(slots=True)
class Draft:
    """One message from its first byte on."""

    begin: int
    """Offset of its first byte in the lane."""
    line: RequestLine | StatusLine
    headers: tuple[Header, ...]
    trailers: tuple[Header, ...] = ()
    body: Body = field(default_factory=Body)

    def build_request(self, span: Span, *, complete: bool) -> Request:
        """The observation; the line must be a request line."""
        assert isinstance(self.line, RequestLine)
        return Request(
            method=self.line.method,
            target=self.line.target,
            status_query=find_query(self.headers, bytes(self.body.kept)),
            version=self.line.version,
            headers=self.headers,
            trailers=self.trailers,
            body=bytes(self.body.kept),
            body_size=self.body.size,
            body_sha256=self.body.sha256(),
            complete=complete and self.body.whole,
            first_ns=span.first_ns,
            last_ns=span.last_ns,
            packets=span.packets,
        )

    def build_response(self, span: Span, *, complete: bool) -> Response:
        """The observation; the line must be a status line."""
        assert isinstance(self.line, StatusLine)
        return Response(
            status=self.line.status,
            reason=self.line.reason,
            status_answer=find_answer(self.headers, bytes(self.body.kept)),
            version=self.line.version,
            headers=self.headers,
            trailers=self.trailers,
            body=bytes(self.body.kept),
            body_size=self.body.size,
            body_sha256=self.body.sha256(),
            complete=complete and self.body.whole,
            first_ns=span.first_ns,
            last_ns=span.last_ns,
            packets=span.packets,
        )
