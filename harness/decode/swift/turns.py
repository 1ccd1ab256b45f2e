"""Turns: the exchanges of one ordinary connection, briefly, whose records come in one go or window by window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from harness.decode.http.ordinary import OrdinaryHead, find_ordinary_head
from harness.decode.swift.message import Message, check_order, read_turns
from harness.decode.swift.record import Record
from harness.decode.tcp.run import Run
from harness.trace.brief import BriefExchange
from harness.trace.packet import PacketNumber

if TYPE_CHECKING:
    from harness.trace.connection import Tunnel
    from harness.trace.http import Exchange


class Told(NamedTuple):
    """A message, and which packets brought it."""

    message: Message[OrdinaryHead]
    begin: PacketNumber
    """The packet with its first byte."""
    end: PacketNumber
    """The packet with its last byte so far."""
    end_ns: int


class Turns:
    """What was said so far."""

    __slots__ = ("_done", "_open", "last")

    def __init__(self) -> None:
        """Nothing was said."""
        self._done: list[BriefExchange] = []
        self._open: tuple[BriefExchange, ...] = ()
        """A request without an answer."""
        self.last: tuple[Told, ...] = ()
        """The last turn: a request, and what there is of its answer. The last of them may not be over."""

    @property
    def is_amid(self) -> bool:
        """A message has begun and not ended."""
        return bool(self.last) and self.last[-1].message.left > 0

    @property
    def is_over(self) -> bool:
        """Everything was answered."""
        return len(self.last) != 1 and not self.is_amid

    @property
    def done(self) -> tuple[BriefExchange, ...]:
        """Those that are whole."""
        return tuple(self._done)

    def tell(self) -> tuple[BriefExchange, ...]:
        """These, and what was asked last."""
        return (*self._done, *self._open)

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
        last, sides = self.last, ((client, starts[0]), (server, starts[1]))
        turns = read_turns(asked, answered, find_ordinary_head, [told.message for told in last])
        said = [
            _locate(message, *sides[index % 2], last[index] if index < len(last) else None)
            for index, message in enumerate(turns)
        ]
        if not said:
            return
        whole = said[:-1] if turns[-1].left else said
        exchanges = tell_exchanges(
            turns[: len(whole)],
            [told.begin for told in said],
            [told.end for told in said],
            [told.end_ns for told in whole],
        )
        answered_count = len(whole) // 2
        told_count = 1 if last and self.is_over else 0
        self._done += exchanges[told_count:answered_count]
        self._open = exchanges[answered_count:]
        self.last = tuple(said[(len(said) - 1) // 2 * 2 :])


def _locate(
    message: Message[OrdinaryHead], run: Run, start: PacketNumber, before: Told | None
) -> Told:
    """Which packets brought a message; `before` is what was told of it, if it began earlier."""
    if before is not None:
        if before.message.left == message.left:
            return before  # Nothing more of it came.
        begin = before.begin
    elif message.begin < 0:
        begin = start
    else:
        begin = run.numbers[run.find_packet(message.begin + 1)]
    index = run.find_packet(message.end)
    return Told(message, begin, run.numbers[index], run.times[index])


def tell_exchanges(
    turns: Sequence[Message[OrdinaryHead]],
    first: Sequence[int],
    last: Sequence[int],
    times: Sequence[int],
) -> tuple[BriefExchange, ...]:
    """Requests and answers in turn, briefly; raises OddError. See `check_order`; the times are those of last bytes."""
    check_order(first, last)
    found: list[BriefExchange] = []
    for index in range(0, len(turns), 2):
        method, target = turns[index].head.start
        answered_ns = status = None
        if index + 1 < len(turns):
            answered_ns, status = times[index + 1], int(turns[index + 1].head.start[0])
        found.append(BriefExchange(times[index], method, target, answered_ns, status))
    return tuple(found)


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
