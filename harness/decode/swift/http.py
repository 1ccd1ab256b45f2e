"""SwiftHttp: the HTTP/1.x exchanges of one ordinary connection, read in one go.

Ordinary: one request after the other, each answered before the next, heads whole in one record and without anything
that a reader could take in two ways, bodies of a known length. It gives up on everything else, as tls.py does.
After a CONNECT that was granted, the rest goes through the tunnel.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypedDict

from harness.decode.detail import Detail
from harness.decode.http.head import (
    RequestLine,
    StatusLine,
    decode_headers,
    decode_request_line,
    decode_status_line,
    find_host_problems,
    find_request_framing,
    find_response_framing,
    is_last,
)
from harness.decode.http.reader import MAX_HEAD_SIZE
from harness.decode.http.revocation import find_answer, find_query
from harness.decode.proxy_header import find_proxy_header
from harness.decode.sniff import sniff_client
from harness.decode.swift.odd import OddError
from harness.decode.swift.tls import Piece
from harness.trace.http import Exchange, Header, Request, Response
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side


@dataclass(slots=True)
class _Draft:
    """A message, its head read."""

    line: RequestLine | StatusLine
    headers: tuple[Header, ...]
    left: int
    """Bytes of the body still to come."""
    size: int
    body: list[bytes]
    seen: list[Seen]


@dataclass(slots=True)
class Granted:
    """A tunnel (RFC 9110 section 9.3.6)."""

    target: bytes
    opened: Seen
    """The 2xx response."""
    pieces: list[Piece]
    """What went through it, in order."""


def read_exchanges(
    pieces: list[Piece], detail: Detail
) -> tuple[tuple[Exchange, ...], Granted | None]:
    """All exchanges of a connection, none where nothing was sent, and the tunnel. Raises OddError."""
    if not pieces:
        return (), None
    side, data, _ = pieces[0]
    if side != "client" or find_proxy_header(data) != 0 or sniff_client(data) != "http":
        raise OddError
    reader = _Reader(detail)
    for side, data, seen in pieces:
        reader.feed(side, data, seen)
    return reader.finish(), reader.granted


class _Reader:
    """Both sides in turn."""

    def __init__(self, detail: Detail) -> None:
        self._detail = detail
        self._exchanges: list[Exchange] = []
        self._request: Request | None = None
        """It has no answer yet."""
        self._draft: _Draft | None = None
        self._sender: Side = "client"
        self._was_last = False
        self.granted: Granted | None = None

    def feed(self, side: Side, data: bytes, seen: Seen) -> None:
        if self.granted is not None:
            self.granted.pieces.append((side, data, seen))
            return
        offset, size = 0, len(data)
        draft = self._draft
        if draft is not None:
            if side != self._sender:
                raise OddError
            draft.seen.append(seen)
        while offset < size:
            if draft is None:
                if self._was_last and side == "client":
                    raise OddError
                draft, offset = _read_head(side, data, offset, seen, self._request)
                self._sender = side
            if draft.left:
                part = data[offset : offset + draft.left]
                draft.body.append(part)
                draft.left -= len(part)
                offset += len(part)
            if not draft.left:
                granted = self._end(draft)
                draft = None
                if granted is not None:
                    if offset < size:
                        granted.pieces.append((side, data[offset:], seen))
                    break
        self._draft = draft

    def _end(self, draft: _Draft) -> Granted | None:
        """A message is over; gives the tunnel that begins with it."""
        if isinstance(draft.line, RequestLine):
            if self._request is not None:
                raise OddError
            self._request = _build_request(draft, draft.line, self._detail)
        else:
            response = _build_response(draft, draft.line, self._detail)
            self._exchanges.append(Exchange(request=self._request, response=response))
            if self._request is not None and self._request.method == b"CONNECT":
                if response.status >= 300:
                    raise OddError
                opened = Seen(time_ns=response.last_ns, packets=response.packets)
                self.granted = Granted(self._request.target, opened, [])
            self._request = None
        self._was_last |= is_last(draft.line.version, draft.headers)
        return self.granted

    def finish(self) -> tuple[Exchange, ...]:
        if self._draft is not None:
            raise OddError
        if self._request is not None:
            self._exchanges.append(Exchange(request=self._request, response=None))
        return tuple(self._exchanges)


def _read_head(
    side: Side, data: bytes, offset: int, seen: Seen, request: Request | None
) -> tuple[_Draft, int]:
    """The head that begins there, and where it ends."""
    end = data.find(b"\r\n\r\n", offset)
    if end < 0 or end - offset > MAX_HEAD_SIZE or data[offset] in b"\r\n":
        raise OddError
    lines = data[offset:end].split(b"\r\n")
    fields, problems = decode_headers(lines[1:])
    if problems or not all(lines) or b"\n" in data[offset:end].replace(b"\r\n", b""):
        raise OddError
    line: RequestLine | StatusLine | None
    if side == "client":
        line, odd = decode_request_line(lines[0])
        if line is None or odd or find_host_problems(line, fields):
            raise OddError
        framing, problems = find_request_framing(line.version, fields)
    else:
        line, odd = decode_status_line(lines[0])
        if line is None or odd or line.status < 200 or request is None:
            raise OddError
        framing, problems = find_response_framing(line.version, line.status, request.method, fields)
    if problems or framing.kind not in ("none", "length"):
        raise OddError
    return _Draft(line, fields, framing.size, framing.size, [], [seen]), end + 4


def _build_request(draft: _Draft, line: RequestLine, detail: Detail) -> Request:
    shared = _find_shared(draft, detail)
    query = find_query(shared["headers"], shared["body"])
    return Request(method=line.method, target=line.target, status_query=query, **shared)


def _build_response(draft: _Draft, line: StatusLine, detail: Detail) -> Response:
    shared = _find_shared(draft, detail)
    answer = find_answer(shared["headers"], shared["body"])
    return Response(status=line.status, reason=line.reason, status_answer=answer, **shared)


class _Shared(TypedDict):
    """Arguments of both."""

    version: bytes
    headers: tuple[Header, ...]
    body: bytes
    body_size: int
    body_sha256: str
    first_ns: int
    last_ns: int
    packets: tuple[PacketNumber, ...]


def _find_shared(draft: _Draft, detail: Detail) -> _Shared:
    """What requests and responses share."""
    first, last = draft.seen[0], draft.seen[-1]
    packets = first.packets
    if first is not last:
        packets = tuple(sorted({number for seen in draft.seen for number in seen.packets}))
    body = draft.body[0] if len(draft.body) == 1 else b"".join(draft.body)
    return _Shared(
        version=draft.line.version,
        headers=draft.headers,
        body=body[: detail.body_limit],
        body_size=draft.size,
        body_sha256=hashlib.sha256(body).hexdigest() if detail.hashes else "",
        first_ns=first.time_ns,
        last_ns=last.time_ns,
        packets=packets,
    )
