"""SwiftHttp: the HTTP/1.x exchanges of one ordinary connection in full, and the tunnel after a granted CONNECT.

What is ordinary, message.py says; heads are read by the same functions as with care, and may have no problem.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

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
from harness.decode.http.ordinary import MAX_HEAD_SIZE
from harness.decode.http.revocation import find_answer, find_query
from harness.decode.proxy_header import find_proxy_header
from harness.decode.sniff import sniff_client
from harness.decode.swift.message import Message, check_order, read_turns
from harness.decode.swift.odd import OddError
from harness.decode.swift.record import Record
from harness.decode.swift.tls import Piece
from harness.trace.http import Exchange, Header, Request, Response
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side


class _Head(NamedTuple):
    """See Head of message.py."""

    start: tuple[bytes, ...]
    size: int
    body_size: int
    is_last: bool
    line: RequestLine | StatusLine
    headers: tuple[Header, ...]


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
    turns = read_turns(_pick(pieces, "client"), _pick(pieces, "server"), _find_head)
    check_order([each.begin for each in turns], [each.end for each in turns])
    granted = _find_granted(turns, pieces)
    if turns[-1].left or (granted is None and turns[-1].end != len(pieces) - 1):
        raise OddError
    exchanges: list[Exchange] = []
    for index in range(0, len(turns), 2):
        request = _build_request(turns[index], pieces, detail)
        response = None
        if index + 1 < len(turns):
            response = _build_response(turns[index + 1], pieces, detail)
        exchanges.append(Exchange(request=request, response=response))
    return tuple(exchanges), granted


def _pick(pieces: list[Piece], wanted: Side) -> list[Record]:
    """What one side said; places are indexes of pieces."""
    return [(data, index, index) for index, (side, data, _) in enumerate(pieces) if side == wanted]


def _find_granted(turns: list[Message[_Head]], pieces: list[Piece]) -> Granted | None:
    """The tunnel that the last answer opens; raises OddError where nobody can tell what goes through it."""
    if len(turns) % 2 or turns[-2].head.start[0] != b"CONNECT":
        return None
    request, response = turns[-2:]
    if int(response.head.start[0]) >= 300 or response.begin != request.end + 1:
        raise OddError
    side, data, seen = pieces[response.end]
    through = pieces[response.end + 1 :]
    if len(data) > response.head.size:
        through.insert(0, (side, data[response.head.size :], seen))
    return Granted(request.head.start[1], seen, through)


def _find_head(data: bytes, method: bytes | None) -> _Head | None:
    """See FindHead."""
    end = data.find(b"\r\n\r\n")
    if end < 0 or end > MAX_HEAD_SIZE or data[0] in b"\r\n":
        return None
    lines = data[:end].split(b"\r\n")
    fields, problems = decode_headers(lines[1:])
    if problems or not all(lines) or b"\n" in data[:end].replace(b"\r\n", b""):
        return None
    line: RequestLine | StatusLine | None
    if method is None:
        line, odd = decode_request_line(lines[0])
        if line is None or odd or find_host_problems(line, fields):
            return None
        start: tuple[bytes, ...] = (line.method, line.target)
        framing, problems = find_request_framing(line.version, fields)
    else:
        line, odd = decode_status_line(lines[0])
        # An interim response (RFC 9110 section 15.2) is not the answer.
        if line is None or odd or line.status < 200:
            return None
        start = (b"%d" % line.status,)
        framing, problems = find_response_framing(line.version, line.status, method, fields)
    if problems or framing.kind not in ("none", "length"):
        return None
    return _Head(start, end + 4, framing.size, is_last(line.version, fields), line, fields)


def _build_request(message: Message[_Head], pieces: list[Piece], detail: Detail) -> Request:
    line = message.head.line
    assert isinstance(line, RequestLine)
    shared = _find_shared(message, pieces, detail)
    query = find_query(shared["headers"], shared["body"])
    return Request(method=line.method, target=line.target, status_query=query, **shared)


def _build_response(message: Message[_Head], pieces: list[Piece], detail: Detail) -> Response:
    line = message.head.line
    assert isinstance(line, StatusLine)
    shared = _find_shared(message, pieces, detail)
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


def _find_shared(message: Message[_Head], pieces: list[Piece], detail: Detail) -> _Shared:
    """What requests and responses share; all pieces from its first to its last are its own."""
    head = message.head
    _, data, first = pieces[message.begin]
    _, _, last = pieces[message.end]
    body = data[head.size : head.size + head.body_size]
    packets = first.packets
    if first is not last:
        mine = pieces[message.begin : message.end + 1]
        body = b"".join([body, *(data for _, data, _ in mine[1:])])
        packets = tuple(sorted({number for _, _, seen in mine for number in seen.packets}))
    return _Shared(
        version=head.line.version,
        headers=head.headers,
        body=body[: detail.body_limit],
        body_size=head.body_size,
        body_sha256=hashlib.sha256(body).hexdigest() if detail.hashes else "",
        first_ns=first.time_ns,
        last_ns=last.time_ns,
        packets=packets,
    )
