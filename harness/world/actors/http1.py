"""HTTP/1.1 over a stream, from both ends (RFC 9112). Owns h11.

Everything has a limit: the head, the body, the time of one message. A peer that breaks the protocol gets the answer
that RFC 9110 foresees, and then the end of the connection; nothing of what it sent is guessed at.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

import h11

from harness.net.address import Endpoint
from harness.world.host import Stream

HEAD_LIMIT = 16 * 1024
"""Bytes of a request or status line with all its header lines."""
BODY_LIMIT = 64 * 1024
"""Bytes of a body."""

_FOLD = re.compile(rb"\n[ \t]")

Headers = tuple[tuple[bytes, bytes], ...]
"""Name and value of each field line, as written, in order."""


class HttpError(ConnectionError):
    """The peer broke HTTP, or a limit; `status` is the answer that says so."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        """Keep the status code of the answer."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What requests and responses share."""

    headers: Headers = ()
    body: bytes = b""

    def values(self, name: str) -> tuple[bytes, ...]:
        """All values of one field name (any case), in order."""
        wanted = name.lower().encode()
        return tuple(value for key, value in self.headers if key.lower() == wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Message):
    """A request."""

    method: bytes
    target: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Message):
    """A final response."""

    status: int


class HttpServer:
    """The server's end: requests come, each is answered before the next is read."""

    def __init__(self, stream: Stream, *, timeout_ns: int, is_lenient: bool = False) -> None:
        """Take a fresh stream; `timeout_ns` bounds the wait for one whole request.

        `is_lenient` lets a request have two lengths (F82), of which Transfer-Encoding counts, and folded lines (V21).
        """
        self._is_lenient = is_lenient
        self._stream = stream
        self._timeout_ns = timeout_ns
        self._machine = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        self._is_head = False

    async def receive(self) -> Request | None:
        """The next whole request; None when the peer has ended, or asked for nothing in time.

        Raises:
            HttpError: what came is no request that can be answered with anything but this error's status.
            ConnectionError: the stream broke.
        """
        if self._machine.our_state is h11.DONE and self._machine.their_state is h11.DONE:
            self._machine.start_next_cycle()
        if self._machine.our_state is not h11.IDLE or self._machine.their_state is not h11.IDLE:
            return None
        try:
            async with asyncio.timeout(self._timeout_ns / 1e9):
                return await self._receive()
        except TimeoutError as error:
            if not self._machine.trailing_data[0] and self._machine.their_state is h11.IDLE:
                return None
            raise HttpError("the request did not end in time", status=408) from error
        except h11.RemoteProtocolError as error:
            raise HttpError(str(error), status=error.error_status_hint) from error

    async def _receive(self) -> Request | None:
        head = await self._head()
        if not isinstance(head, h11.Request):
            return None
        self._is_head = head.method == b"HEAD"
        headers = _headers(head)
        # h11 applies its limit only to a head that is still incomplete.
        if len(head.target) + sum(len(name) + len(value) for name, value in headers) > HEAD_LIMIT:
            raise HttpError(f"a head over {HEAD_LIMIT} bytes", status=431)
        names = {name.lower() for name, _ in headers}
        if {b"content-length", b"transfer-encoding"} <= names and not self._is_lenient:
            # RFC 9112 section 6.1: two readers could see two different ends of this request.
            raise HttpError("both Content-Length and Transfer-Encoding")
        if self._machine.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            await self._send(go_on)
        body = bytearray()
        while True:
            event = await self._event()
            if isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_LIMIT:
                    raise HttpError(f"a body over {BODY_LIMIT} bytes", status=413)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                break
        return Request(method=head.method, target=head.target, headers=headers, body=bytes(body))

    async def answer(self, response: Response, *, last: bool = False) -> None:
        """Answer the request just received, or say why it could not be; Content-Length is added.

        Args:
            response: the whole response.
            last: say that the connection ends here.
        """
        if self._machine.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        lines = [*response.headers, (b"Content-Length", str(len(response.body)).encode())]
        if last:
            lines.append((b"Connection", b"close"))
        head = h11.Response(
            status_code=response.status, headers=lines, reason=_reason(response.status)
        )
        content = [h11.Data(data=response.body)] if response.body and not self._is_head else []
        await self._send(head, *content, h11.EndOfMessage())

    async def serve(self, respond: Callable[[Request], Awaitable[Response]]) -> None:
        """Answer one request after the other until the peer ends, or breaks HTTP.

        Raises:
            ConnectionError: the stream broke.
        """
        try:
            while (request := await self.receive()) is not None:
                await self.answer(await respond(request))
        except HttpError as error:
            await self.answer(Response(status=error.status), last=True)

    async def accept_tunnel(self, defects: frozenset[str] = frozenset()) -> Stream:
        """Answer a CONNECT with 200; what follows on the stream is the tunnel's.

        Faults: F85 adds a Content-Length (RFC 9110 section 9.3.6 forbids it), F84 answers what came behind the CONNECT.
        """
        if "F85" in defects:
            await self._stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            await self._send(
                h11.Response(status_code=200, headers=[], reason=b"Connection established")
            )
        early = self._machine.trailing_data[0]
        if early and "F84" in defects:
            await self._stream.write(
                b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"
            )
            early = b""
        return Rest(self._stream, early)

    async def _event(self) -> object:
        while (event := self._machine.next_event()) is h11.NEED_DATA:
            self._machine.receive_data(await self._stream.read())
        return event if event is not h11.PAUSED else h11.EndOfMessage()

    async def _head(self) -> object:
        """The next event, which begins a request.

        Raises:
            HttpError: a line of it is folded.
        """
        while True:
            pending = self._machine.trailing_data[0]
            event = self._machine.next_event()
            if event is not h11.NEED_DATA:
                break
            self._machine.receive_data(await self._stream.read())
        written = pending[: len(pending) - len(self._machine.trailing_data[0])]
        if isinstance(event, h11.Request) and _FOLD.search(written) and not self._is_lenient:
            # RFC 9112 section 5.2; h11 joins the lines and says nothing.
            raise HttpError("a folded header line")
        return event if event is not h11.PAUSED else h11.EndOfMessage()

    async def _send(self, *events: h11.Event) -> None:
        parts = [self._machine.send(event) for event in events]
        await self._stream.write(b"".join(part for part in parts if part))


def build_head(request: Request, lines: Headers | None = None) -> bytes:
    """Request line and header lines (its own, if no others are given) with the empty line, byte for byte."""
    chosen = request.headers if lines is None else lines
    head = b"".join(b"%s: %s\r\n" % line for line in chosen)
    return b"%s %s HTTP/1.1\r\n%s\r\n" % (request.method, request.target, head)


class HttpClient:
    """The client's end: one request, then its answer."""

    def __init__(self, stream: Stream, *, timeout_ns: int) -> None:
        """Take a fresh stream; `timeout_ns` bounds one request together with its answer."""
        self._stream = stream
        self._timeout_ns = timeout_ns
        self._machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow."""
        return self._machine.our_state in (h11.IDLE, h11.DONE) and self._machine.their_state in (
            h11.IDLE,
            h11.DONE,
        )

    async def exchange(self, request: Request) -> Response:
        """Send a request as it stands and wait for the answer.

        The header lines go out byte for byte, wrong ones too: devices may be hostile. Content-Length is added where
        there is a body and no such line.

        Raises:
            HttpError: what came back is no HTTP response, or too big.
            TimeoutError: no whole answer in time.
            ConnectionError: the stream broke.
        """
        if self._machine.our_state is h11.DONE:
            self._machine.start_next_cycle()
        framing = [(b"Content-Length", str(len(request.body)).encode())] if request.body else []
        # The state machine needs the method to read the answer; what it would write itself is not sent.
        self._machine.send(
            h11.Request(
                method=request.method, target=request.target, headers=[(b"Host", b"-"), *framing]
            )
        )
        if request.body:
            self._machine.send(h11.Data(data=request.body))
        self._machine.send(h11.EndOfMessage())
        lines = (
            request.headers if request.values("content-length") else (*request.headers, *framing)
        )
        head = build_head(request, lines)
        try:
            async with asyncio.timeout(self._timeout_ns / 1e9):
                await self._stream.write(head + request.body)
                return await self._response()
        except h11.RemoteProtocolError as error:
            raise HttpError(str(error), status=502) from error

    async def _response(self) -> Response:
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._machine.next_event()
            if event is h11.NEED_DATA:
                self._machine.receive_data(await self._stream.read())
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_LIMIT:
                    raise HttpError(f"a body over {BODY_LIMIT} bytes", status=502)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
                break
        if head is None:
            raise HttpError("the connection ended without an answer", status=502)
        return Response(status=head.status_code, headers=_headers(head), body=bytes(body))

    def tunnel(self) -> Stream:
        """The stream after a CONNECT that was answered with 2xx."""
        return Rest(self._stream, self._machine.trailing_data[0])


class Rest:
    """A stream of which some bytes were read already: they come first."""

    def __init__(self, stream: Stream, head: bytes) -> None:
        """Put `head` back in front of what the stream still brings."""
        self._stream = stream
        self._head = head

    @property
    def local(self) -> Endpoint:
        """This end."""
        return self._stream.local

    @property
    def peer(self) -> Endpoint:
        """The other end."""
        return self._stream.peer

    async def read(self, limit: int = 65536) -> bytes:
        """What was put back, then what comes."""
        if self._head:
            data, self._head = self._head[:limit], self._head[limit:]
            return data
        return await self._stream.read(limit)

    async def write(self, data: bytes) -> None:
        """Send all of it."""
        await self._stream.write(data)

    async def write_eof(self) -> None:
        """End this direction."""
        await self._stream.write_eof()

    async def close(self) -> None:
        """End in order."""
        await self._stream.close()

    def abort(self) -> None:
        """End at once."""
        self._stream.abort()


def _headers(message: h11.Request | h11.Response) -> Headers:
    return tuple((bytes(name), bytes(value)) for name, value in message.headers.raw_items())


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
