"""BriefStream: the exchanges of one connection that goes through several windows, briefly.

While the connection is ordinary it carries two keys, two numbers and the message that is on its way from window to
window. As soon as anything is odd the careful decoder takes over: from the first byte while the handshake is held
here, and after it from the present record on, so that it gives what it would have given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.capture.keylog import Secrets
from harness.decode.detail import Detail
from harness.decode.swift.channel import Channel, build_channel, parse_hellos
from harness.decode.swift.odd import OddError
from harness.decode.swift.turns import Told, Turns, shorten_exchanges
from harness.decode.tcp.run import NOTHING, Run
from harness.decode.tcp.talk import Talk, join_talks
from harness.decode.tls.record import HANDSHAKE, HEADER_SIZE
from harness.trace.brief import BriefExchange
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side

if TYPE_CHECKING:
    from harness.decode.layers import LayerStack, Part

_MAX_HELD = 64 << 10
"""Bytes of a connection that are held until both sides send application data: more than any usual handshake."""
_MAX_TALKS = 32
"""Parts in which they may come."""


class BriefStream:
    """The Receiver of one connection."""

    __slots__ = (
        "_careful",
        "_channels",
        "_detail",
        "_held",
        "_hellos",
        "_is_sealed",
        "_secrets",
        "_turns",
    )
    is_hashed = False
    is_brief = True

    def __init__(self, secrets: Secrets, detail: Detail) -> None:
        """Take the secrets of the capture, and what is wanted where care is needed."""
        self._secrets = secrets
        self._detail = detail
        self._held: list[Talk] = []
        """All that was said, until both sides send application data."""
        self._is_sealed = False
        """Nobody has the keys."""
        self._channels: tuple[Channel, Channel] | None = None
        """Client and server, once both send application data."""
        self._hellos = (b"", b"")
        """The records with the hellos, from then on."""
        self._turns = Turns()
        self._careful: LayerStack | None = None

    @property
    def wants(self) -> bool:
        """See Receiver."""
        return not self._is_sealed and (self._careful is None or self._careful.wants)

    def feed(self, side: Side, data: bytes, number: PacketNumber, time_ns: int) -> None:
        """Take in the next bytes of one side."""
        if self._careful is not None:
            self._careful.feed(side, data, number, time_ns)
        elif data:
            run = Run(data, (len(data),), (number,), (time_ns,))
            self.feed_talk(Talk(run, NOTHING) if side == "client" else Talk(NOTHING, run))

    def feed_talk(self, talk: Talk) -> None:
        """The same for the bytes of many packets of both sides."""
        if self._careful is not None:
            self._careful.feed_talk(talk)
        elif self._channels is not None:
            self._go_on(*self._channels, talk)
        elif not self._is_sealed:
            self._open(talk)

    def gap(self, side: Side, size: int | None, number: PacketNumber, time_ns: int) -> None:
        """Bytes of one side are missing."""
        if not self._is_sealed:
            self._find_care().gap(side, size, number, time_ns)

    def finish(self, *, client_closed: bool, server_closed: bool) -> tuple[BriefExchange, ...]:
        """All exchanges; say which side ended its stream with FIN."""
        channels = self._channels or ()
        if self._held or self._turns.is_amid or any(each.rest[0] for each in channels):
            # What ends in the middle is told with care.
            self._find_care()
        if self._careful is None:
            return self._turns.tell()
        layers = self._careful.finish(client_closed=client_closed, server_closed=server_closed)
        rest = shorten_exchanges(layers["exchanges"], layers["tunnel"])
        return (*self._turns.done, *rest)

    def _open(self, talk: Talk) -> None:
        """Hold what was said until both sides send application data."""
        self._held.append(talk)
        whole = join_talks(self._held)
        try:
            if self._begin(whole):
                self._held.clear()
                return
        except OddError:
            if not _may_get_hellos(whole):
                self._find_care()
                return
        size = len(whole.client.data) + len(whole.server.data)
        if size > _MAX_HELD or len(self._held) == _MAX_TALKS:
            self._find_care()
        else:
            self._held[-1] = talk.keep()

    def _begin(self, whole: Talk) -> bool:
        """Read on where both sides send application data; False: one of them does not yet. Raises OddError."""
        hellos = parse_hellos(whole)
        known = self._secrets.find_sole(hellos.client.random)
        if known is None:
            raise OddError
        if not known:
            self._is_sealed = True
            return True
        client, server = (build_channel(hellos, known, side) for side in _SIDES)
        at = client.find_start(whole.client, hellos.client_end)
        answer_at = server.find_start(whole.server, hellos.server_end)
        if at is None or answer_at is None:
            return False
        self._turns.feed(
            whole.client,
            client.read(whole.client, at),
            whole.server,
            server.read(whole.server, answer_at),
        )
        self._channels = (client, server)
        self._hellos = (
            whole.client.data[: hellos.client_end],
            whole.server.data[: hellos.server_end],
        )
        return True

    def _go_on(self, client: Channel, server: Channel, talk: Talk) -> None:
        before = client.state, server.state
        try:
            self._turns.feed(
                talk.client,
                client.read(talk.client),
                talk.server,
                server.read(talk.server),
                (client.rest[1], server.rest[1]),
            )
        except OddError:
            client.restore(before[0])
            server.restore(before[1])
            self._find_care().feed_talk(talk)

    def _find_care(self) -> LayerStack:
        """The careful decoder, which has taken over."""
        if self._careful is None:
            # Not above: many captures need no care, and loading it takes as long as reading a hundred megabytes.
            from harness.decode.layers import LayerStack

            self._secrets.complete()
            self._careful = LayerStack(self._secrets, detail=self._detail)
            if self._channels is not None:
                self._resume(self._careful, *self._channels)
            for talk in self._held:
                self._careful.feed_talk(talk)
            self._held.clear()
        return self._careful

    def _resume(self, careful: LayerStack, client: Channel, server: Channel) -> None:
        """Put the careful decoder where this one is."""
        from harness.decode.tls.session import TlsDecoder

        tls = TlsDecoder(self._secrets, self._detail)
        tls.resume(self._hellos, (client.epoch, server.epoch))
        turns = self._turns
        parts: list[Part] = []
        if not turns.is_over:
            for side, told in zip(_SIDES, turns.last, strict=False):
                parts += _cut_message(side, told)
        careful.resume(tls, parts if turns.last else None)
        for side, channel in zip(_SIDES, (client, server), strict=True):
            data, number, time_ns = channel.rest
            if data:
                careful.feed(side, data, number, time_ns)


def _cut_message(side: Side, told: Told) -> list[Part]:
    """What the first record brought, and the size of the rest: nobody asks what was in a body, or when it began."""
    from harness.decode.layers import Part

    message = told.message
    seen = Seen(time_ns=told.end_ns, packets=(told.end,))
    parts = [Part(side, message.first, seen)]
    more = message.head.size + message.head.body_size - message.left - len(message.first)
    if more:
        parts.append(Part(side, b"", seen, more))
    return parts


def _may_get_hellos(talk: Talk) -> bool:
    """Whether both sides may still say hello: what there is begins a record that is not whole."""
    is_waiting = False
    for run in (talk.client, talk.server):
        data = run.data
        if data and data[0] != HANDSHAKE:
            return False
        size = len(data)
        is_waiting |= size < HEADER_SIZE or size < HEADER_SIZE + (data[3] << 8 | data[4])
    return is_waiting


_SIDES: tuple[Side, Side] = ("client", "server")
