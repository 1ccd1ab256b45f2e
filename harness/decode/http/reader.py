"""Reader: one side of an HTTP/1.x connection, bytes to messages. All transitions of its state live here.

It asks its owner (HttpDecoder) only what it cannot know: to which request a response belongs.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Protocol

from harness.decode.detail import Detail
from harness.decode.http.head import (
    Framing,
    RequestLine,
    StatusLine,
    decode_headers,
    decode_request_line,
    decode_status_line,
    find_host_problems,
    find_request_framing,
    find_response_framing,
    is_last,
    split_lines,
)
from harness.decode.http.lane import Lane, Span
from harness.decode.http.message import Draft, build_body
from harness.decode.http.ordinary import MAX_HEAD_SIZE
from harness.trace.tls import Seen, Side

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})((?:[ \t]*;.*)?)", re.DOTALL)
_CHUNK_EXTENSIONS = re.compile(
    rb"(?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
    rb"(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|\"(?:[^\"\\\x00-\x08\x0a-\x1f]|\\.)*\"))?)*[ \t]*"
)
_REQUEST_START = re.compile(rb"[A-Z]{3,16} [^\s]+ HTTP/1\.[01]\r?\n")
_RESPONSE_START = re.compile(rb"HTTP/1\.[01] [0-9]{3}")
_REQUEST_PREFIX = re.compile(rb"[A-Z]{1,16}(?: [^\s]*(?: [HTP/1.0]{0,8}\r?)?)?")
_RESPONSE_PREFIX = re.compile(rb"H(?:T(?:T(?:P(?:/(?:1(?:\.(?:[01](?: [0-9]{0,2})?)?)?)?)?)?)?)?")
_AFTER_LAST: dict[Side, str] = {
    "client": "a request after the last one (Connection: close): one reader answers it, another does not",
    "server": "a response after the last one (Connection: close): one reader takes it, another does not",
}


class State(Enum):
    """What the next bytes are."""

    START = "between messages"
    LENGTH = "in a body of known length"
    CHUNK_SIZE = "before a chunk"
    CHUNK_DATA = "in a chunk"
    CHUNK_END = "after a chunk"
    TRAILERS = "in the trailers"
    CLOSE = "in a body that ends with the connection"
    HOLD = "after CONNECT, until its answer is known"
    SEEK = "after a gap, until a message begins"
    OTHER = "no longer HTTP"


class Owner(Protocol):
    """What a reader tells, and asks."""

    def begin_message(self, side: Side, draft: Draft) -> Framing:
        """A head is whole; the answer is how its body ends."""

    def end_message(self, side: Side, draft: Draft, *, complete: bool) -> bool:
        """A message is over; True: what follows must wait (CONNECT)."""

    def report(self, side: Side, message: str, span: Span) -> None:
        """Something is malformed."""


class Reader:
    """One side. `feed` uses as many bytes as can be used."""

    def __init__(self, side: Side, owner: Owner, detail: Detail) -> None:
        """Begin between messages."""
        self.side = side
        self.state = State.START
        self.lane = Lane()
        self._owner = owner
        self._detail = detail
        self._draft: Draft | None = None
        self._left = 0
        """Bytes of this body or chunk still to come."""
        self._was_last = False
        """The request before said that it is the last one."""

    @property
    def is_amid_head(self) -> bool:
        """Whether a message has begun whose head is not whole."""
        return self.state is State.START and len(self.lane) > 0

    def feed(self, data: bytes, seen: Seen) -> None:
        """Take in the next bytes."""
        self.lane.put(data, seen)
        self.resume()

    def resume(self) -> None:
        """Use the bytes that are there."""
        while len(self.lane) and self._step():
            pass

    def _step(self) -> bool:
        """Use some bytes; False: more are needed."""
        match self.state:
            case State.START:
                return self._step_start()
            case State.LENGTH | State.CHUNK_DATA | State.CLOSE:
                return self._step_body()
            case State.CHUNK_SIZE:
                return self._step_chunk_size()
            case State.CHUNK_END:
                return self._step_chunk_end()
            case State.TRAILERS:
                return self._step_trailers()
            case State.SEEK:
                return self._step_seek()
            case State.OTHER:
                self.lane.take(len(self.lane))
                return False
            case State.HOLD:
                return False

    def _step_start(self) -> bool:
        # RFC 9112 section 2.2: empty lines before a request are ignored.
        while self.lane.look(1) in (b"\r", b"\n"):
            self.lane.take(1)
        self.lane.forget(self.lane.offset)
        begin = self.lane.offset
        block = self.lane.take_head()
        if block is None:
            if len(self.lane) > MAX_HEAD_SIZE:
                self._leave(f"no end of the head in {MAX_HEAD_SIZE} bytes", begin)
                return True
            return False
        self._read_head(block, begin)
        return True

    def _read_head(self, block: bytes, begin: int) -> None:
        """Begin a message with its whole head."""
        lines, problems = split_lines(block)
        line, odd = _decode_first(self.side, lines[0])
        if line is None:
            self._leave(
                f"no {'request' if self.side == 'client' else 'status'} line: {lines[0][:80]!r}",
                begin,
            )
            return
        headers, more = decode_headers([text for text in lines[1:] if text])
        if self._was_last:
            odd = (*odd, _AFTER_LAST[self.side])
        if isinstance(line, RequestLine):
            odd = (*odd, *find_host_problems(line, headers))
        for problem in (*odd, *problems, *more):
            self._report(problem, begin)
        # RFC 9110 section 15.2: an interim response is never the last one.
        is_final = isinstance(line, RequestLine) or line.status >= 200
        self._was_last = is_final and is_last(line.version, headers)
        self._draft = Draft(begin=begin, line=line, headers=headers, body=build_body(self._detail))
        framing = self._owner.begin_message(self.side, self._draft)
        match framing.kind:
            case "none":
                self._finish(complete=True)
            case "length":
                self._left = framing.size
                self.state = State.LENGTH
                if not framing.size:
                    self._finish(complete=True)
            case "chunked":
                self.state = State.CHUNK_SIZE
            case "close":
                self.state = State.CLOSE
            case "unknown":
                self._finish(complete=False)
                self.state = State.OTHER

    def framing(self, draft: Draft, method: bytes | None) -> Framing:
        """How the body of a message ends; what is odd about that is reported."""
        if isinstance(draft.line, RequestLine):
            framing, problems = find_request_framing(draft.line.version, draft.headers)
        else:
            framing, problems = find_response_framing(
                draft.line.version, draft.line.status, method, draft.headers
            )
        for problem in problems:
            self._report(problem, draft.begin)
        return framing

    def _step_body(self) -> bool:
        assert self._draft is not None
        if self.state is State.CLOSE:
            self._draft.body.add(self.lane.take(len(self.lane)))
            return False
        data = self.lane.take(self._left)
        self._draft.body.add(data)
        self._left -= len(data)
        if self._left == 0:
            self._end_run()
        return True

    def _end_run(self) -> None:
        """A counted run of bytes is over: the body, or one chunk."""
        if self.state is State.LENGTH:
            self._finish(complete=True)
        else:
            self.state = State.CHUNK_END

    def _step_chunk_size(self) -> bool:
        # RFC 9112 section 7.1
        begin = self.lane.offset
        line = self._take_line()
        if line is None:
            return False
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        if not line.endswith(b"\r\n"):
            self._report(
                "a chunk line ends with a bare LF: one reader takes it, another refuses", begin
            )
        match = _CHUNK_LINE.fullmatch(text)
        if match is None:
            self._break(f"chunk line {text[:80]!r}: readers see different sizes, or refuse", begin)
            return True
        if not _CHUNK_EXTENSIONS.fullmatch(match[2]):
            self._report(
                f"chunk line {text[:80]!r}: one reader passes over what follows the size, another refuses",
                begin,
            )
        self._left = int(match[1], 16)
        self.state = State.CHUNK_DATA if self._left else State.TRAILERS
        return True

    def _step_chunk_end(self) -> bool:
        begin = self.lane.offset
        mark = self.lane.look(2)
        if mark == b"\r":
            return False
        if mark == b"\r\n":
            self.lane.take(2)
        elif mark[:1] == b"\n":
            self.lane.take(1)
            self._report("a chunk ends with a bare LF: one reader takes it, another refuses", begin)
        else:
            self._break(f"after a chunk comes {mark[:1]!r}: it is longer than its size says", begin)
            return True
        self.state = State.CHUNK_SIZE
        return True

    def _step_trailers(self) -> bool:
        assert self._draft is not None
        begin = self.lane.offset
        line = self._take_line()
        if line is None:
            return False
        lines, problems = split_lines(line)
        if lines[0]:
            trailers, more = decode_headers(lines)
            self._draft.trailers += trailers
            problems = (*problems, *more)
        for problem in problems:
            self._report(f"trailer: {problem}", begin)
        if not lines[0]:
            self._finish(complete=True)
        return True

    def _take_line(self) -> bytes | None:
        line = self.lane.take_line()
        if line is None and len(self.lane) > MAX_HEAD_SIZE:
            self._break(f"no end of a line in {MAX_HEAD_SIZE} bytes", self.lane.offset)
        return line

    def _step_seek(self) -> bool:
        """After a gap a message is only believed where a segment or record begins with one."""
        client = self.side == "client"
        start = self.lane.look(MAX_HEAD_SIZE)
        if (_REQUEST_START if client else _RESPONSE_START).match(start):
            self.state = State.START
            return True
        if not (_REQUEST_PREFIX if client else _RESPONSE_PREFIX).fullmatch(start):
            self.lane.take(len(self.lane))
        return False

    def gap(self, size: int | None) -> None:
        """Bytes are missing here; None: it is not known how many."""
        if self.state is State.OTHER:
            return
        if self.state is State.CLOSE or (
            self.state in (State.LENGTH, State.CHUNK_DATA)
            and size is not None
            and size <= self._left
        ):
            assert self._draft is not None
            self._draft.body.miss(size or 0)
            self.lane.skip(size or 0)
            if self.state is not State.CLOSE:
                self._left -= size or 0
                if self._left == 0:
                    self._end_run()
            return
        self._abandon()
        self.state = State.SEEK

    def end(self, *, closed: bool) -> None:
        """No more bytes; `closed`: because the sender said so."""
        if self.state is State.CLOSE:
            self._finish(complete=closed)
        else:
            if closed and self.is_amid_head:
                self._report_cut_head()
            self._abandon()

    def _report_cut_head(self) -> None:
        """The sender ended its stream within a head: some readers make a message of it all the same."""
        rest = self.lane.look(MAX_HEAD_SIZE)
        line = rest[rest.rfind(b"\n") + 1 :]
        if line:
            message = f"the stream ends within the line {line[:80]!r}: one reader takes it, another does not"
            self._report(message, self.lane.offset)

    def _abandon(self) -> None:
        """End the present message as it is."""
        if self._draft is not None:
            self._draft.body.whole = False
            self._finish(complete=False)
        elif self.state is State.START and len(self.lane):
            self._abandon_head()
        self.lane.take(len(self.lane))

    def _abandon_head(self) -> None:
        """A head without its end still shows its first line, and the whole lines after it."""
        begin = self.lane.offset
        block = self.lane.take(len(self.lane))
        lines, problems = split_lines(block[: block.rfind(b"\n") + 1])
        if not lines:
            return
        line, odd = _decode_first(self.side, lines[0])
        if line is None:
            return
        headers, more = decode_headers([text for text in lines[1:] if text])
        for problem in (*odd, *problems, *more):
            self._report(problem, begin)
        self._draft = Draft(begin=begin, line=line, headers=headers, body=build_body(self._detail))
        # HTTP/0.9 has no headers, so its one line is the whole request.
        simple = isinstance(line, RequestLine) and not line.version and len(lines) == 1
        self._draft.body.whole = simple
        self._owner.begin_message(self.side, self._draft)
        self._finish(complete=simple)

    def _break(self, message: str, begin: int) -> None:
        """The body cannot be followed any further."""
        self._report(message, begin)
        if self._draft is not None:
            self._draft.body.whole = False
            self._finish(complete=False)
        self.state = State.OTHER

    def _leave(self, message: str, begin: int) -> None:
        """These bytes are no HTTP."""
        self._report(message, begin)
        self.state = State.OTHER

    def _finish(self, *, complete: bool) -> None:
        draft, self._draft = self._draft, None
        assert draft is not None
        self.state = State.START
        if self._owner.end_message(self.side, draft, complete=complete):
            self.state = State.HOLD

    def span(self, begin: int) -> Span:
        """The packets from an offset to the last byte used."""
        return self.lane.span(begin, max(self.lane.offset, begin + 1))

    def _report(self, message: str, begin: int) -> None:
        self._owner.report(self.side, message, self.span(begin))


def _decode_first(
    side: Side, line: bytes
) -> tuple[RequestLine | StatusLine | None, tuple[str, ...]]:
    return decode_request_line(line) if side == "client" else decode_status_line(line)
