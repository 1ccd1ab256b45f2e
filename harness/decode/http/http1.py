"""HttpDecoder: the bytes of both sides of a connection to exchanges (RFC 9112), and to a tunnel after CONNECT.

Responses belong to requests by order (RFC 9112 section 9.3.2). A response that comes while a request is still being
sent answers that request; one that comes while none is open stands alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from harness.decode.detail import EVERYTHING, Detail
from harness.decode.http.head import Framing, RequestLine, StatusLine
from harness.decode.http.lane import Span
from harness.decode.http.message import Draft
from harness.decode.http.reader import Reader, State
from harness.decode.http.report import Report, tell_reports
from harness.trace.http import Exchange, Malformed, Request, Response
from harness.trace.tls import Seen, Side

_MAX_REPORTS = 64
"""For one connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelBytes:
    """What one side sent through a tunnel; or, without data, a gap."""

    side: Side
    data: bytes
    seen: Seen
    gap_size: int | None = 0
    """Bytes missing before `data`; None: some, and nobody knows how many."""


@dataclass(slots=True, eq=False)
class _Slot:
    """An exchange in the making."""

    method: bytes | None = None
    target: bytes = b""
    request: Request | None = None
    response: Response | None = None


class HttpDecoder:
    """Decodes one connection. Nothing raises on bad bytes."""

    def __init__(self, detail: Detail = EVERYTHING) -> None:
        """Begin before the first byte."""
        self._readers: dict[Side, Reader] = {
            "client": Reader("client", self, detail),
            "server": Reader("server", self, detail),
        }
        self._slots: list[_Slot] = []
        self._open: deque[_Slot] = deque()
        """Requests that no final response has begun to answer."""
        self._early: _Slot | None = None
        """Has its response, or part of it, before its request head was whole."""
        self._sending: _Slot | None = None
        self._answering: _Slot | None = None
        self._reports: list[Report[_Slot]] = []
        self._tunnel: tuple[bytes, Seen] | None = None
        self._held: list[TunnelBytes] = []

    @property
    def tunnel(self) -> tuple[bytes, Seen] | None:
        """Target and 2xx response of the CONNECT that turned the connection into a tunnel."""
        return self._tunnel

    def feed(self, side: Side, data: bytes, seen: Seen) -> tuple[TunnelBytes, ...]:
        """Take in bytes of one side; gives what goes on through the tunnel."""
        if self._tunnel is not None:
            return (TunnelBytes(side=side, data=data, seen=seen),) if data else ()
        self._readers[side].feed(data, seen)
        return self._take_out()

    def gap(self, side: Side, size: int | None, seen: Seen) -> tuple[TunnelBytes, ...]:
        """Bytes of one side are missing; None: it is not known how many."""
        if self._tunnel is not None:
            return (TunnelBytes(side=side, data=b"", seen=seen, gap_size=size),)
        reader = self._readers[side]
        if reader.state is State.HOLD:
            # Behind CONNECT: whether these are tunnel bytes is not known yet.
            self._hold(reader)
            self._held.append(TunnelBytes(side=side, data=b"", seen=seen, gap_size=size))
            return ()
        reader.gap(size)
        if side == "server" and reader.state is State.SEEK:
            # Answers are lost. Without pipelining only the last request can still be open.
            while len(self._open) > 1:
                self._open.popleft()
        return self._take_out()

    def end(self, *, client_closed: bool = False, server_closed: bool = False) -> None:
        """No more bytes; say who closed."""
        self._readers["client"].end(closed=client_closed)
        self._readers["server"].end(closed=server_closed)

    def exchanges(self) -> tuple[Exchange, ...]:
        """All exchanges, in the order in which they began."""
        return tuple(
            Exchange(request=slot.request, response=slot.response) for slot in self._told()
        )

    def malformed(self) -> tuple[Malformed, ...]:
        """All reports, in order."""
        return tell_reports(self._reports, self._told())

    def _told(self) -> list[_Slot]:
        return [s for s in self._slots if s.request is not None or s.response is not None]

    def begin_message(self, side: Side, draft: Draft) -> Framing:
        """A head is whole (called by a Reader)."""
        if isinstance(draft.line, RequestLine):
            slot = self._early
            if slot is None:
                slot = self._new_slot()
                self._open.append(slot)
            self._early = None
            slot.method, slot.target = draft.line.method, draft.line.target
            self._sending = slot
            self._place_reports(side, slot)
            return self._readers[side].framing(draft, None)
        self._answering = self._find_slot(draft.line)
        self._place_reports(side, self._answering)
        return self._readers[side].framing(draft, self._answering.method)

    def end_message(self, side: Side, draft: Draft, *, complete: bool) -> bool:
        """A message is over (called by a Reader); True: what its sender sends next must wait."""
        span = self._readers[side].span(draft.begin)
        if isinstance(draft.line, RequestLine):
            slot, self._sending = self._sending, None
            assert slot is not None
            slot.request = draft.build_request(span, complete=complete)
            return slot.method == b"CONNECT" and complete and slot in self._open
        slot, self._answering = self._answering, None
        assert slot is not None
        status = draft.line.status
        if _is_interim(status):
            return False
        slot.response = draft.build_response(span, complete=complete)
        client = self._readers["client"]
        if status == 101:
            # RFC 9110 section 7.8: another protocol from here on.
            client.state = State.OTHER
            self._readers["server"].state = State.OTHER
            return False
        if slot.method != b"CONNECT" or slot.request is None:
            return False
        if 200 <= status < 300:
            self._tunnel = (slot.target, Seen(time_ns=span.last_ns, packets=span.packets))
            return True
        if client.state is State.HOLD:
            client.state = State.SEEK if self._held else State.START
            self._held.clear()
            client.resume()
        return False

    def report(self, side: Side, message: str, span: Span) -> None:
        """Something is malformed (called by a Reader)."""
        if len(self._reports) < _MAX_REPORTS:
            slot = self._sending if side == "client" else self._answering
            self._reports.append(Report(side, message, span, slot))

    def _place_reports(self, side: Side, slot: _Slot) -> None:
        """The head that was reported on begins this exchange, or its answer."""
        for report in reversed(self._reports):
            if report.side == side:
                if report.place is not None:
                    return
                report.place = slot

    def _find_slot(self, line: StatusLine) -> _Slot:
        """The exchange of a response; an interim one leaves its request open."""
        interim = _is_interim(line.status)
        if self._open:
            return self._open[0] if interim else self._open.popleft()
        if interim:
            return _Slot()
        slot = self._new_slot()
        if self._readers["client"].is_amid_head:
            self._early = slot
        return slot

    def _new_slot(self) -> _Slot:
        slot = _Slot()
        self._slots.append(slot)
        return slot

    def _hold(self, reader: Reader) -> None:
        """Set aside what a reader has not used: it may be meant for the tunnel."""
        self._held.extend(
            TunnelBytes(side=reader.side, data=data, seen=seen)
            for data, seen in reader.lane.drain()
        )

    def _take_out(self) -> tuple[TunnelBytes, ...]:
        """What both sides had sent already when the tunnel opened."""
        if self._tunnel is None:
            return ()
        self._hold(self._readers["client"])
        self._hold(self._readers["server"])
        out = tuple(self._held)
        self._held.clear()
        return out


def _is_interim(status: int) -> bool:
    """RFC 9110 section 15.2; 101 is the last HTTP of its connection."""
    return status < 200 and status != 101
