"""Http2Decoder: the frames of both sides of an HTTP/2 connection to exchanges (RFC 9113).

Streams run side by side; their exchanges are in the order in which the requests began. The header table of a side
needs every block before: behind a gap, and behind what cannot be read, nothing of that side is known any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.decode.detail import EVERYTHING, Detail
from harness.decode.http.fields import read_head, read_trailers
from harness.decode.http.head import RequestLine
from harness.decode.http.hpack import HpackDecoder, HpackError
from harness.decode.http.http1 import TunnelBytes
from harness.decode.http.lane import Lane, Span
from harness.decode.http.message import Draft, build_body
from harness.decode.http.report import Report, tell_reports
from harness.trace.http import Exchange, Malformed, Request, Response
from harness.trace.tls import Seen, Side

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD_SIZE = 9
_DATA, _HEADERS, _RST_STREAM, _PUSH_PROMISE, _GOAWAY, _CONTINUATION = 0, 1, 3, 5, 7, 9
_END_STREAM, _END_HEADERS, _PADDED, _PRIORITY = 0x01, 0x04, 0x08, 0x20
MAX_FRAME_SIZE = 1 << 20
"""Bytes of a frame, or of a block over several; real ones have 16 KiB unless more was asked for."""
_MAX_REPORTS = 64
"""For one connection."""
MAX_STREAMS = 1 << 16
"""Exchanges of one connection that are told."""


@dataclass(slots=True, eq=False)
class _Half:
    """One direction."""

    side: Side
    lane: Lane = field(default_factory=Lane)
    table: HpackDecoder = field(default_factory=HpackDecoder)
    is_lost: bool = False
    """Nothing more can be read."""
    block: bytearray = field(default_factory=bytearray)
    """Of header fields whose end is still to come."""
    stream: int = 0
    """Whose block it is; 0: there is none."""
    is_last: bool = False
    """The block ends its message, unless it is pushed."""
    is_pushed: bool = False
    spans: list[Span] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Stream:
    """One exchange in the making."""

    request: Request | None = None
    response: Response | None = None
    drafts: dict[Side, Draft] = field(default_factory=dict)
    spans: dict[Side, list[Span]] = field(default_factory=dict)
    is_reset: bool = False


class Http2Decoder:
    """Decodes one connection. Nothing raises on bad bytes."""

    tunnel: None = None
    """What a CONNECT opens is one stream of many, and not followed."""

    def __init__(self, detail: Detail = EVERYTHING) -> None:
        """Begin before the first byte."""
        self._detail = detail
        self._halves: dict[Side, _Half] = {"client": _Half("client"), "server": _Half("server")}
        self._is_greeted = False
        self._streams: dict[int, _Stream] = {}
        self._reports: list[Report[_Stream]] = []

    def feed(self, side: Side, data: bytes, seen: Seen) -> tuple[TunnelBytes, ...]:
        """Take in bytes of one side; nothing goes on through a tunnel."""
        half = self._halves[side]
        if not half.is_lost:
            half.lane.put(data, seen)
            while not half.is_lost and self._step(half):
                half.lane.forget(half.lane.offset)
        return ()

    def gap(self, side: Side, size: int | None, seen: Seen) -> tuple[TunnelBytes, ...]:
        """Bytes of one side are missing; None: it is not known how many."""
        half = self._halves[side]
        if not half.is_lost:
            self._lose(half, "bytes are missing", Span(seen.time_ns, seen.time_ns, seen.packets))
        return ()

    def end(self, *, client_closed: bool = False, server_closed: bool = False) -> None:
        """No more bytes; say who closed."""
        for stream in self._streams.values():
            for side in tuple(stream.drafts):
                self._finish(stream, side, complete=False)

    def exchanges(self) -> tuple[Exchange, ...]:
        """All exchanges, in the order in which they began."""
        return tuple(
            Exchange(request=s.request, response=s.response, is_reset=s.is_reset)
            for s in self._told()
        )

    def malformed(self) -> tuple[Malformed, ...]:
        """All reports, in order."""
        return tell_reports(self._reports, self._told())

    def _told(self) -> list[_Stream]:
        return [
            s for s in self._streams.values() if s.request is not None or s.response is not None
        ]

    def _step(self, half: _Half) -> bool:
        """Read the preface or one frame; False: more bytes are needed."""
        lane = half.lane
        if half.side == "client" and not self._is_greeted:
            if len(lane) < len(PREFACE):
                return False
            self._is_greeted = True
            lane.take(len(PREFACE))
            return True
        if len(lane) < _HEAD_SIZE:
            return False
        head = lane.look(_HEAD_SIZE)
        size = int.from_bytes(head[:3])
        if size > MAX_FRAME_SIZE:
            self._lose(half, f"a frame of {size} bytes", lane.span(lane.offset, lane.offset + 1))
            return False
        if len(lane) < _HEAD_SIZE + size:
            return False
        begin = lane.offset
        payload = lane.take(_HEAD_SIZE + size)[_HEAD_SIZE:]
        stream = int.from_bytes(head[5:9]) & 0x7FFFFFFF
        self._take_frame(half, head[3], head[4], stream, payload, lane.span(begin, lane.offset))
        return True

    def _take_frame(
        self, half: _Half, kind: int, flags: int, number: int, payload: bytes, span: Span
    ) -> None:
        if half.stream and kind != _CONTINUATION:
            # RFC 9113 section 6.10: nothing may stand between the parts of a block.
            self._lose(half, "a header block that does not go on", span)
            return
        if kind in (_DATA, _HEADERS, _PUSH_PROMISE) and flags & _PADDED:
            if not payload or payload[0] >= len(payload):
                self._lose(half, "more padding than there are bytes", span)
                return
            payload = payload[1 : len(payload) - payload[0]]
        if kind == _DATA:
            self._take_data(half, number, payload, span, is_last=bool(flags & _END_STREAM))
        elif kind in (_HEADERS, _PUSH_PROMISE):
            left_out = 4 if kind == _PUSH_PROMISE else 5 if flags & _PRIORITY else 0
            half.stream, half.is_pushed = number, kind == _PUSH_PROMISE
            half.is_last = bool(flags & _END_STREAM) and not half.is_pushed
            self._take_block(half, payload[left_out:], span, is_whole=bool(flags & _END_HEADERS))
        elif kind == _CONTINUATION and half.stream:
            self._take_block(half, payload, span, is_whole=bool(flags & _END_HEADERS))
        elif kind == _RST_STREAM:
            self._reset(half, number)
        elif kind == _GOAWAY and half.side == "server" and len(payload) >= 8:
            # Section 6.8: what has a greater number than the last one was not looked at.
            last = int.from_bytes(payload[:4]) & 0x7FFFFFFF
            for later in [one for one in self._streams if one > last]:
                self._reset(half, later)

    def _take_block(self, half: _Half, part: bytes, span: Span, *, is_whole: bool) -> None:
        half.block += part
        half.spans.append(span)
        if len(half.block) > MAX_FRAME_SIZE:
            self._lose(half, f"a header block over {MAX_FRAME_SIZE} bytes", span)
            return
        if not is_whole:
            return
        block, number, seen = bytes(half.block), half.stream, _join(half.spans)
        half.block.clear()
        half.spans.clear()
        half.stream = 0
        try:
            fields = half.table.decode(block)
        except HpackError as error:
            self._lose(half, f"a header block cannot be read: {error}", seen)
            return
        if half.is_pushed or number == 0 or number % 2 == 0:
            return  # What a server pushes nobody asked for; the table has it.
        stream = self._find_stream(number)
        if stream is None:
            self._lose(half, f"over {MAX_STREAMS} exchanges", seen)
            return
        stream.spans.setdefault(half.side, []).append(seen)
        if half.side in stream.drafts:
            trailers, problems = read_trailers(half.side, fields)
            stream.drafts[half.side].trailers += trailers
        elif (stream.request if half.side == "client" else stream.response) is not None:
            problems = ["a header block behind the end of its message"]
        else:
            line, headers, found = read_head(half.side, fields)
            problems = list(found)
            if line is not None and (isinstance(line, RequestLine) or line.status >= 200):
                stream.drafts[half.side] = Draft(
                    begin=0, line=line, headers=headers, body=build_body(self._detail)
                )
        for problem in problems:
            self._report(half.side, problem, seen, stream)
        if half.is_last:
            self._finish(stream, half.side, complete=True)

    def _find_stream(self, number: int) -> _Stream | None:
        stream = self._streams.get(number)
        if stream is None and len(self._streams) < MAX_STREAMS:
            stream = self._streams[number] = _Stream()
        return stream

    def _take_data(
        self, half: _Half, number: int, data: bytes, span: Span, *, is_last: bool
    ) -> None:
        stream = self._streams.get(number)
        draft = stream.drafts.get(half.side) if stream is not None else None
        if stream is None or draft is None:
            return
        draft.body.add(data)
        stream.spans.setdefault(half.side, []).append(span)
        if is_last:
            self._finish(stream, half.side, complete=True)

    def _finish(self, stream: _Stream, side: Side, *, complete: bool) -> None:
        draft = stream.drafts.pop(side, None)
        if draft is None:
            return
        span = _join(stream.spans.get(side, []))
        if side == "client":
            stream.request = draft.build_request(span, complete=complete)
            if complete:
                self._compare_length(stream, stream.request, span)
        else:
            stream.response = draft.build_response(span, complete=complete)

    def _compare_length(self, stream: _Stream, request: Request, span: Span) -> None:
        """RFC 9113 section 8.1.1."""
        lengths = set(request.values("content-length"))
        if lengths and lengths != {str(request.body_size).encode()}:
            told = ", ".join(repr(length[:80]) for length in sorted(lengths))
            message = (
                f"Content-Length {told} and {request.body_size} bytes of DATA: "
                "who writes both into HTTP/1.1 sees another end"
            )
            self._report("client", message, span, stream)

    def _reset(self, half: _Half, number: int) -> None:
        """A stream ends early; without an answer of the server, whose end it is, that is a refusal."""
        stream = self._streams.get(number)
        if stream is None:
            return
        if half.side == "server" and stream.response is None and "server" not in stream.drafts:
            stream.is_reset = True
        for side in tuple(stream.drafts):
            self._finish(stream, side, complete=False)

    def _lose(self, half: _Half, why: str, span: Span) -> None:
        half.is_lost = True
        half.block.clear()
        message = f"HTTP/2: {why}; nothing behind it of this side is known"
        self._report(half.side, message, span, None)
        half.lane.take(len(half.lane))
        for stream in self._streams.values():
            self._finish(stream, half.side, complete=False)

    def _report(self, side: Side, message: str, span: Span, stream: _Stream | None) -> None:
        if len(self._reports) < _MAX_REPORTS:
            self._reports.append(Report(side, message, span, stream))


def _join(spans: list[Span]) -> Span:
    """One span over several, with their packets alone."""
    if not spans:
        return Span(0, 0, ())
    packets = sorted({number for span in spans for number in span.packets})
    return Span(spans[0].first_ns, spans[-1].last_ns, tuple(packets))
