"""HTTP/2 over a stream, from both ends: as much of RFC 9113 as a sign-in needs.

One stream after the other; header fields go out literally, without a table and without the Huffman code. A server that
gets anything else ends the connection, a client reads what it needs and passes over the rest. Bodies fit into the first
windows (65,535 bytes), so that nobody waits for a WINDOW_UPDATE.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from harness.world.actors.http1 import (
    BODY_LIMIT,
    HEAD_LIMIT,
    Headers,
    HttpError,
    Request,
    Response,
)
from harness.world.host import Stream

PROTOCOL = "h2"
"""Its name in ALPN (RFC 9113 section 3.1)."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY, _CONTINUATION = 0, 1, 3, 4, 7, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x01, 0x01, 0x04, 0x08, 0x20
_NO_TABLE = b"\x00\x01\x00\x00\x00\x00"
"""SETTINGS_HEADER_TABLE_SIZE 0 (RFC 9113 section 6.5.2): the peer's encoder has nothing to refer to."""
_COMPRESSION_ERROR, _PROTOCOL_ERROR = 9, 1
_STATUSES = (b"200", b"204", b"206", b"304", b"400", b"404", b"500")
"""Of the static table, from index 8 on (RFC 7541 Appendix A)."""
_STATUS, _SET_COOKIE, _STATIC_SIZE = 8, 55, 61
_BROKEN = (b"\x00", b"\r", b"\n")
UNREAD = b"?"
"""A name or value in the Huffman code, or a name of the static table that nobody here asks for."""


class _UnreadableError(HttpError):
    """A header block in a form that this end does not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes


class _Wire:
    """Frames over a stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._data = b""

    async def take(self, size: int) -> bytes:
        """So many bytes, or fewer where the peer has ended."""
        while len(self._data) < size and (more := await self._stream.read()):
            self._data += more
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    async def receive(self) -> _Frame | None:
        """The next frame that means something here; None when the peer has ended."""
        while True:
            head = await self.take(9)
            if len(head) < 9:
                return None
            size = int.from_bytes(head[:3])
            if size > HEAD_LIMIT + BODY_LIMIT:
                raise HttpError(f"a frame of {size} bytes")
            payload = await self.take(size)
            frame = _Frame(
                kind=head[3],
                flags=head[4],
                stream=int.from_bytes(head[5:]) & 0x7FFFFFFF,
                payload=payload,
            )
            if frame.kind == _SETTINGS and not frame.flags & _ACK:
                await self.send(_SETTINGS, _ACK, 0, b"")
            elif frame.kind in (_DATA, _HEADERS, _RST_STREAM, _GOAWAY, _CONTINUATION):
                return frame

    async def send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        await self.write(build_frame(kind, flags, stream, payload))

    async def write(self, data: bytes) -> None:
        await self._stream.write(data)


def build_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """RFC 9113 section 4.1: length, type, flags, stream, payload."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def build_message(stream: int, fields: Headers, body: bytes) -> bytes:
    """HEADERS and, if there is a body, DATA; the message is over then."""
    block = b"".join(
        b"\x00" + _string(name.lower()) + _string(value) for name, value in fields
    )  # RFC 7541 section 6.2.2
    flags = _END_HEADERS | (0 if body else _END_STREAM)
    data = build_frame(_DATA, _END_STREAM, stream, body) if body else b""
    return build_frame(_HEADERS, flags, stream, block) + data


def build_request(stream: int, request: Request) -> bytes:
    """A request; Host goes into `:authority`, everything else stays as it is, wrong things too."""
    host = (*request.values("Host"), b"")[0]
    pseudo = (
        (b":method", request.method),
        (b":scheme", b"https"),
        (b":authority", host),
        (b":path", request.target),
    )
    others = tuple((name, value) for name, value in request.headers if name.lower() != b"host")
    return build_message(stream, (*pseudo, *others), request.body)


class Http2Client:
    """The client's end: one request, then its answer."""

    def __init__(self, stream: Stream, *, timeout_ns: int) -> None:
        """Take a fresh stream; `timeout_ns` bounds one request together with its answer."""
        self._wire = _Wire(stream)
        self._timeout_ns = timeout_ns
        self._number = -1
        self.is_reusable = True
        """Whether another request may follow."""

    async def exchange(self, request: Request) -> Response:
        """Send a request as it stands, and wait for the answer.

        Raises:
            HttpError: what came back is no answer.
            TimeoutError: no whole answer in time.
            ConnectionError: the stream broke.
        """
        greeting = PREFACE + build_frame(_SETTINGS, 0, 0, _NO_TABLE) if self._number < 0 else b""
        self._number += 2
        async with asyncio.timeout(self._timeout_ns / 1e9):
            await self._wire.write(greeting + build_request(self._number, request))
            return await self._response()

    async def _response(self) -> Response:
        fields: Headers = ()
        body = b""
        while True:
            frame = await self._wire.receive()
            if frame is None or frame.kind in (_GOAWAY, _RST_STREAM):
                self.is_reusable = False
                raise HttpError("the stream ended without an answer", status=502)
            if frame.stream != self._number:
                continue
            if frame.kind == _HEADERS:
                found = _read_block(await _whole_block(self._wire, frame))
                is_interim = found[:1] and found[0][1].startswith(b"1")
                fields = fields if is_interim else fields or found
            elif frame.kind == _DATA:
                body += _content(frame)
            if frame.kind in (_DATA, _HEADERS) and frame.flags & _END_STREAM:
                break
        status = next((value for name, value in fields if name == b":status"), b"")
        if not status.isdigit():
            raise HttpError("an answer without a status", status=502)
        return Response(status=int(status), headers=_regular(fields), body=body)


class Http2Server:
    """The server's end: requests come, each is answered before the next is read."""

    def __init__(self, stream: Stream, *, timeout_ns: int, defects: frozenset[str]) -> None:
        """Take a fresh stream; with F83 nobody looks for line breaks inside values."""
        self._wire = _Wire(stream)
        self._timeout_ns = timeout_ns
        self._is_careless = "F83" in defects

    async def serve(self, respond: Callable[[Request], Awaitable[Response]]) -> None:
        """Answer one request after the other until the peer ends, or breaks HTTP/2.

        Raises:
            ConnectionError: the stream broke.
        """
        try:
            async with asyncio.timeout(self._timeout_ns / 1e9):
                preface = await self._wire.take(len(PREFACE))
            if preface != PREFACE:
                raise HttpError("no HTTP/2")
            await self._wire.send(_SETTINGS, 0, 0, _NO_TABLE)
            while (received := await self._receive()) is not None:
                number, request = received
                answer = await respond(request) if request is not None else Response(status=400)
                await self._wire.write(_build_answer(number, answer))
        except TimeoutError:
            return
        except HttpError as error:
            code = _COMPRESSION_ERROR if isinstance(error, _UnreadableError) else _PROTOCOL_ERROR
            await self._wire.send(_GOAWAY, 0, 0, bytes(4) + code.to_bytes(4))

    async def _receive(self) -> tuple[int, Request | None] | None:
        """The next whole request and its stream; without a request it is malformed; None when the peer has ended."""
        number, body = 0, b""
        fields: Headers = ()
        async with asyncio.timeout(self._timeout_ns / 1e9):
            while (frame := await self._wire.receive()) is not None and frame.kind != _GOAWAY:
                if frame.kind == _HEADERS and not number:
                    number = frame.stream
                    fields = _read_block(await _whole_block(self._wire, frame), is_strict=True)
                elif frame.kind == _DATA and frame.stream == number:
                    body += _content(frame)
                    if len(body) > BODY_LIMIT:
                        raise HttpError(f"a body over {BODY_LIMIT} bytes")
                if number and frame.flags & _END_STREAM:
                    return number, self._read_request(fields, body)
        return None

    def _read_request(self, fields: Headers, body: bytes) -> Request | None:
        """RFC 9113 sections 8.1.1, 8.2.1 and 8.3.1; None: malformed."""
        pseudo = {name: value for name, value in fields if name[:1] == b":"}
        is_broken = any(mark in text for field in fields for text in field for mark in _BROKEN)
        is_upper = any(name != name.lower() for name, _ in fields)
        if not {b":method", b":path", b":authority"} <= set(pseudo) or is_upper:
            return None
        if is_broken and not self._is_careless:
            return None
        return Request(
            method=pseudo[b":method"],
            target=pseudo[b":path"],
            headers=((b"Host", pseudo[b":authority"]), *_regular(fields)),
            body=body,
        )


def _build_answer(number: int, answer: Response) -> bytes:
    fields = ((b":status", str(answer.status).encode()), *answer.headers)
    return build_message(number, fields, answer.body)


async def _whole_block(wire: _Wire, frame: _Frame) -> bytes:
    """The header block that begins with a HEADERS frame, CONTINUATION frames included."""
    block = _content(frame)[5 if frame.flags & _PRIORITY else 0 :]
    flags = frame.flags
    while not flags & _END_HEADERS:
        more = await wire.receive()
        if more is None or more.kind != _CONTINUATION:
            raise HttpError("a header block without an end")
        block, flags = block + more.payload, more.flags
        if len(block) > HEAD_LIMIT:
            raise HttpError(f"a head over {HEAD_LIMIT} bytes")
    return block


def _content(frame: _Frame) -> bytes:
    """The payload without padding (RFC 9113 section 6.1)."""
    if not frame.flags & _PADDED or not frame.payload:
        return frame.payload
    return frame.payload[1 : len(frame.payload) - frame.payload[0]]


def _regular(fields: Headers) -> Headers:
    return tuple((name, value) for name, value in fields if name[:1] != b":")


def _read_block(block: bytes, *, is_strict: bool = False) -> Headers:
    """The fields of a block; what is not literal is refused by the strict, and else read as far as it is needed."""
    fields: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(block):
        first = block[at]
        if first & 0xE0 == 0x20:
            _, at = _integer(block, at, 5)
            continue
        is_indexed = bool(first & 0x80)
        index, at = _integer(block, at, 7 if is_indexed else 6 if first & 0x40 else 4)
        if (index and is_strict) or index > _STATIC_SIZE:
            raise _UnreadableError("a header field that refers to a table")
        name = _static_name(index) if index else b""
        if not index:
            name, at = _read_string(block, at, is_strict=is_strict)
        if is_indexed:
            value = _STATUSES[index - _STATUS] if name == b":status" else UNREAD
        else:
            value, at = _read_string(block, at, is_strict=is_strict)
        fields.append((name, value))
    return tuple(fields)


def _static_name(index: int) -> bytes:
    if _STATUS <= index < _STATUS + len(_STATUSES):
        return b":status"
    return b"set-cookie" if index == _SET_COOKIE else UNREAD


def _read_string(block: bytes, at: int, *, is_strict: bool) -> tuple[bytes, int]:
    if at >= len(block):
        raise HttpError("a header block without an end")
    is_coded = bool(block[at] & 0x80)
    size, at = _integer(block, at, 7)
    if is_coded and is_strict:
        raise _UnreadableError("a string in the Huffman code")
    return (UNREAD if is_coded else block[at : at + size]), at + size


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """RFC 7541 section 5.1."""
    limit = (1 << bits) - 1
    value, at, shift = block[at] & limit, at + 1, 0
    if value < limit:
        return value, at
    while at < len(block) and shift < 35:
        value += (block[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not block[at - 1] & 0x80:
            return value, at
    raise HttpError("a number without an end")


def _string(data: bytes) -> bytes:
    """RFC 7541 section 5.2, as it is: at most 7 bits of length and what goes beyond."""
    size = len(data)
    if size < 0x7F:
        return bytes((size,)) + data
    size -= 0x7F
    head = b"\x7f"
    while size >= 0x80:
        head += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return head + bytes((size,)) + data
