"""Turns: the requests and answers of one ordinary connection in turn, whose records come window by window.

Ordinary is what it is for SwiftExchange; and like all swift reading this raises OddError on the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from harness.decode.http.head import find_ordinary_head
from harness.decode.http.reader import MAX_HEAD_SIZE
from harness.decode.swift.data import Record
from harness.decode.swift.odd import OddError
from harness.decode.tcp.run import Run
from harness.trace.brief import BriefExchange
from harness.trace.connection import Tunnel
from harness.trace.http import Exchange
from harness.trace.packet import PacketNumber

_BODILESS = (b"204", b"304")
_REFUSED = (b"CONNECT", b"PROXY")
"""Methods after which something else than HTTP may follow, or be meant."""
Place = tuple[PacketNumber, int]
"""A packet and its time."""


class Message(NamedTuple):
    """A request or an answer, or the start of one."""

    start: tuple[bytes, ...]
    """Method and target, or status."""
    is_last: bool
    """The sender closes after it."""
    first: bytes
    """What its first record holds."""
    begin: PacketNumber
    """The packet with its first byte."""
    first_end: Place
    """Where its first record ends."""
    size: int
    """Bytes so far."""
    left: int
    """Bytes still to come."""
    last_size: int
    """Bytes of the last record so far."""
    end: Place
    """Where that one ends."""


class Turns:
    """All exchanges of one connection, whose records come in one go or in several."""

    __slots__ = ("_before", "_done", "_was_last", "answering", "asked", "asking")

    def __init__(self) -> None:
        """Nothing was said."""
        self._done: list[BriefExchange] = []
        self._before = PacketNumber(0)
        """The last packet of the last answer."""
        self._was_last = False
        self.asked: Message | None = None
        """A request without an answer."""
        self.asking: Message | None = None
        """The start of a request."""
        self.answering: Message | None = None

    @property
    def has_begun(self) -> bool:
        """Something was said."""
        return bool(self._done or self.asked or self.asking)

    @property
    def is_amid(self) -> bool:
        """A message has begun and not ended."""
        return self.asking is not None or self.answering is not None

    @property
    def done(self) -> tuple[BriefExchange, ...]:
        """Those that are whole."""
        return tuple(self._done)

    def tell(self) -> tuple[BriefExchange, ...]:
        """These, and what was asked last."""
        if self.asked is None:
            return self.done
        method, target = self.asked.start
        return (*self._done, BriefExchange(self.asked.end[1], method, target, None, None))

    def feed(
        self,
        client: Run,
        asked: Iterable[Record],
        server: Run,
        answered: Iterable[Record],
        starts: tuple[PacketNumber, PacketNumber] = (PacketNumber(0), PacketNumber(0)),
    ) -> None:
        """Take in what both sides said next; raises OddError, and then nothing of it counts.

        Args:
            client: The run of the client's records.
            asked: What they hold.
            server: As for the client.
            answered: As for the client.
            starts: Of both sides the packet with the first byte of a record that began before its run.
        """
        requests, asking = _read_messages(client, asked, None, self.asking, starts[0])
        open_ = [self.asked, *requests] if self.asked is not None else requests
        responses, answering = _read_messages(server, answered, open_, self.answering, starts[1])
        before, was_last = self._before, self._was_last
        done: list[BriefExchange] = []
        for request, response in zip(open_, responses, strict=False):
            _check_turn(request, before, was_last=was_last)
            if response.begin <= request.end[0]:
                raise OddError
            before, was_last = response.end[0], request.is_last or response.is_last
            (method, target), (status,) = request.start, response.start
            times = request.end[1], response.end[1]
            done.append(BriefExchange(times[0], method, target, times[1], int(status)))
        left = open_[len(responses) :]
        last = left[0] if left else None
        if len(left) + (asking is not None) > 1:
            raise OddError
        next_request = last or asking
        if next_request is not None:
            _check_turn(next_request, before, was_last=was_last)
        if answering is not None and (last is None or answering.begin <= last.end[0]):
            raise OddError
        self._done += done
        self._before, self._was_last = before, was_last
        self.asked, self.asking, self.answering = last, asking, answering


def shorten_exchanges(
    exchanges: tuple[Exchange, ...], tunnel: Tunnel | None
) -> tuple[BriefExchange, ...]:
    """Those that were read with care, and those of the tunnel after them."""
    found = [
        BriefExchange(
            request.last_ns if request else None,
            request.method if request else None,
            request.target if request else None,
            response.last_ns if response else None,
            response.status if response else None,
        )
        for request, response in ((each.request, each.response) for each in exchanges)
    ]
    return (*found, *(shorten_exchanges(tunnel.exchanges, tunnel.tunnel) if tunnel else ()))


def _check_turn(request: Message, before: PacketNumber, *, was_last: bool) -> None:
    """It comes after the answer before it, if any may."""
    if request.begin <= before or was_last:
        raise OddError


def _read_messages(
    run: Run,
    records: Iterable[Record],
    requests: list[Message] | None,
    amid: Message | None,
    start: PacketNumber,
) -> tuple[list[Message], Message | None]:
    """All messages of one side, and the start of another; `requests` are those that the server answers."""
    found: list[Message] = []
    left = 0
    if amid is not None:
        line, is_last, first, begin, first_end, size, left, last_size, last = amid
    at = -1
    for content, record_begin, at in records:
        last_size = len(content)
        if left:
            size += last_size
            left -= last_size
        else:
            head = find_ordinary_head(content, is_request=requests is None, limit=MAX_HEAD_SIZE)
            if head is None or head.start[0] in _REFUSED:
                raise OddError
            line, is_last, first, size = head.start, head.is_last, content, last_size
            left = _find_length(head.start, head.length, requests, len(found))
            left -= size - head.size
            begin = start if record_begin < 0 else run.numbers[run.find_packet(record_begin + 1)]
            first_end = _find_place(run, at) if left else (begin, 0)
        if left < 0:
            raise OddError
        if not left:
            last = _find_place(run, at)
            if size == last_size:
                first_end = last
            found.append(Message(line, is_last, first, begin, first_end, size, 0, last_size, last))
    if not left:
        return found, None
    if at >= 0:
        last = _find_place(run, at)
    return found, Message(line, is_last, first, begin, first_end, size, left, last_size, last)


def _find_length(
    line: tuple[bytes, ...], length: int | None, requests: list[Message] | None, index: int
) -> int:
    """Bytes of the body, by RFC 9112 section 6.3."""
    if requests is None:
        return length or 0
    if index == len(requests):
        raise OddError
    if requests[index].start[0] == b"HEAD" or line[0] in _BODILESS:
        return 0
    if length is None:
        raise OddError
    return length


def _find_place(run: Run, end: int) -> Place:
    """The packet that brought the last byte before an offset."""
    index = run.find_packet(end)
    return run.numbers[index], run.times[index]
