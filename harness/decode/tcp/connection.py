"""TcpConnection: the segments of one connection, and their bytes in the order in which the ends can have sent them.

Per direction the order is that of the sequence numbers. Between the directions it is causal: bytes whose segment
acknowledges others come after those others. So a capture that swapped packets still reads as request, then answer.
A hole that the other end has acknowledged is declared a gap when it does not fill within _PATIENCE packets of the
connection or _PATIENCE_NS, when too much waits behind it, or at the end (RFC 9293 throughout).
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal

from harness.decode.packet.frame import ACK, FIN, RST, SYN, Segment
from harness.decode.tcp.direction import MAX_AHEAD, Direction, Piece
from harness.decode.tcp.group import Group
from harness.decode.tcp.half_open import HalfOpen
from harness.decode.tcp.receiver import R
from harness.net.address import Endpoint
from harness.trace.packet import PacketNumber

if TYPE_CHECKING:
    from harness.trace.http import Malformed
    from harness.trace.seen import Side

_PATIENCE = 256
"""Packets of one connection."""
_PATIENCE_NS = 3_000_000_000
_MAX_BUFFERED = 8 << 20
"""Bytes of one direction that may wait for missing ones."""
_MAX_PIECES = 8192
_RST_WINDOW = 1 << 20
"""Bytes a RST may be ahead of what was seen; a blind one is elsewhere (RFC 5961 section 3)."""


@dataclass(slots=True)
class _Waiting:
    """Since when a hole is known to be one."""

    packet_count: int
    time_ns: int


class TcpConnection(Generic[R]):
    """One four-tuple from its first packet to its end; made and fed by the Reassembler."""

    def __init__(
        self, client: Endpoint, server: Endpoint, client_key: bytes, tap: str, receiver: R
    ) -> None:
        """Begin before the first packet; the key is what its Segment calls the client."""
        self.number = 0
        """In order of first packet, from 1; 0 until the Reassembler gives it."""
        self.tap = tap
        self.carried_in: str | None = None
        """See Connection."""
        self.client = client
        self.server = server
        self._client_key = client_key
        self.receiver = receiver
        self.packets: list[PacketNumber] = []
        """None where the receiver is brief."""
        self.packet_count = 0
        self.first_packet = self.last_packet = PacketNumber(0)
        self.opened_ns = 0
        self.closed_ns = 0
        self.syn: list[PacketNumber] = []
        self.syn_ack: list[PacketNumber] = []
        hashed, compared = receiver.is_hashed, not receiver.is_brief
        self._client = Direction("client", is_hashed=hashed, is_compared=compared)
        self._server = Direction("server", is_hashed=hashed, is_compared=compared)
        self._acknowledged = False
        self._reset = False
        self._half_open = HalfOpen()
        self._waiting: dict[Side, _Waiting] = {}

    @classmethod
    def begin(cls, first: Segment, tap: str, receiver: R) -> TcpConnection[R]:
        """Begin before a packet that tells who is the client."""
        source, destination = first.flow.source, first.flow.destination
        # The client sends the SYN, or else has the higher port.
        is_client = first.flow.src_port >= first.flow.dst_port
        if not first.flags & ACK if first.flags & SYN else is_client:
            connection = cls(source, destination, first.source, tap, receiver)
        else:
            connection = cls(destination, source, first.destination, tap, receiver)
        connection.carried_in = first.carried_in
        return connection

    @property
    def from_start(self) -> bool:
        """A SYN was seen, with or without ACK."""
        return bool(self.syn or self.syn_ack)

    @property
    def established(self) -> bool:
        """The three-way handshake was seen, or data both ways."""
        shaken = bool(self.syn and self.syn_ack and self._acknowledged)
        return shaken or (self._client.data_seen and self._server.data_seen)

    @property
    def closed(self) -> Literal["fin", "rst", "open"]:
        """How it ended."""
        client, server = self._client, self._server
        if (
            client.fin is not None
            and server.fin is not None
            and (client.fin_acked or server.fin_acked)
        ):
            return "fin"
        return "rst" if self._reset else "open"

    def direction(self, side: Side) -> Direction:
        """One of the two."""
        return self._client if side == "client" else self._server

    def malformed(self) -> tuple[Malformed, ...]:
        """Conflicting copies and impossible places, of both directions."""
        return (*self._client.malformed, *self._server.malformed)

    def _side_of(self, segment: Segment) -> Side:
        return "client" if segment.source == self._client_key else "server"

    def is_new_connection(self, segment: Segment) -> bool:
        """Whether this packet opens another connection on the same four-tuple."""
        if not segment.flags & SYN or segment.flags & RST:
            return False
        side = self._side_of(segment)
        mine, other = self._both(side)
        if segment.flags & ACK:
            return self.closed != "open" and mine.isn not in (None, segment.seq)
        if mine.isn is None:
            if side == "server":
                # Simultaneous open or a handshake in four parts: both ends send a SYN (RFC 9293 section 3.5).
                return self.closed != "open" or mine.data_seen or not self.syn
            if mine.base is None:
                return False
            return not 0 <= -mine.place(segment.seq + 1) < _RST_WINDOW
        if mine.isn != segment.seq:
            return True
        return self.closed != "open" and (self.established or mine.next > 0 or other.next > 0)

    def handle(self, segment: Segment) -> None:
        """Take in the next packet."""
        side = self._side_of(segment)
        mine, other = self._both(side)
        self._note_packets(segment)
        self.closed_ns = max(self.closed_ns, segment.time_ns)
        mine.packet_count += 1
        flags = segment.flags
        if self._half_open.accepts(segment, self._client, self._server, len(self.syn)):
            return
        if flags & RST:
            self._handle_reset(segment, mine, other)
            self._handle_diagnostic(segment, mine)
            return
        seq = segment.seq
        if flags & SYN:
            if not self._handle_syn(segment, mine, other):
                return
            seq = (seq + 1) & 0xFFFFFFFF
        elif mine.base is None:
            mine.begin(seq, from_start=False)
        after = self._handle_ack(segment, side, other) if flags & ACK else 0
        offset = mine.place(seq)
        if segment.data:
            mine.add(
                Piece(
                    offset, len(segment.data), segment.data, after, segment.number, segment.time_ns
                )
            )
        if segment.size > len(segment.data):
            cut = segment.size - len(segment.data)
            mine.add(
                Piece(offset + len(segment.data), cut, None, after, segment.number, segment.time_ns)
            )
        if flags & FIN and mine.fin is None and 0 <= offset + segment.size - mine.next <= MAX_AHEAD:
            mine.fin = offset + segment.size
        self._deliver()
        self._lose_patience(segment)

    def _note_packets(self, segment: Segment) -> None:
        if not self.packet_count:
            self.opened_ns, self.first_packet = segment.time_ns, segment.number
        self.packet_count += 1 + len(segment.earlier)
        self.first_packet = min(self.first_packet, *segment.earlier, segment.number)
        self.last_packet = segment.number
        if self.receiver.is_brief:
            return
        for earlier in segment.earlier:
            insort(self.packets, earlier)
        self.packets.append(segment.number)

    def is_calm(self) -> bool:
        """Whether both directions are known and in order, so that regular packets can follow (`handle_group`)."""
        return (
            self._client.is_calm()
            and self._server.is_calm()
            and not self._waiting
            and not self._reset
        )

    def is_client(self, key: bytes) -> bool:
        """Whether this is what a Segment calls the client."""
        return key == self._client_key

    def next_seqs(self, low_key: bytes) -> tuple[int, int, int, int]:
        """Of a calm connection: the next sequence numbers of the end with this key and of the other, then offsets."""
        low, high = self._client, self._server
        if low_key != self._client_key:
            low, high = high, low
        assert low.base is not None
        assert high.base is not None
        return (
            (low.base + low.next) & 0xFFFFFFFF,
            (high.base + high.next) & 0xFFFFFFFF,
            low.next,
            high.next,
        )

    def handle_group(self, group: Group) -> None:
        """Take in regular packets (see regular.py) of a calm or a new connection, all at once."""
        client, server = self._client, self._server
        if not self.packet_count:
            self.opened_ns, self.first_packet = group.first_ns, group.numbers[0]
            self.syn.append(group.numbers[0])
            client.isn = group.client_isn
            client.begin(group.client_isn + 1, from_start=True)
            if group.answer is not None:
                self.syn_ack.append(group.answer)
                server.isn = group.server_isn
                server.begin(group.server_isn + 1, from_start=True)
                self._acknowledged = group.client.packet_count > group.client.rst + 1
        elif self.syn_ack and group.client.packet_count > group.client.rst:
            self._acknowledged = True
        self.packet_count += len(group.numbers)
        self.last_packet = group.numbers[-1]
        if not self.receiver.is_brief:
            self.packets.extend(group.numbers)
        self.closed_ns = group.last_ns
        self._reset |= bool(group.client.rst or group.server.rst)
        before_client, before_server = client.next, server.next
        receiver = self.receiver
        parts = iter(group.talks)
        while receiver.wants or receiver.is_hashed:
            talk = next(parts, None)
            if talk is None:
                break
            client.add_run(talk.client)
            server.add_run(talk.server)
            receiver.feed_talk(talk)
        for mine, share, before in (
            (client, group.client, before_client),
            (server, group.server, before_server),
        ):
            mine.packet_count += share.packet_count
            if before + share.size > mine.next:
                mine.pass_over(before + share.size - mine.next)
            mine.data_seen |= share.size > 0
            if share.fin:
                mine.fin = mine.next
            acked = before + share.acked
            if mine.fin is not None and acked > mine.fin:
                mine.fin_acked = True
                acked = mine.fin
            mine.acked = max(mine.acked, acked)

    def finish(self) -> None:
        """No more packets: what is missing stays missing."""
        while True:
            self._deliver()
            stuck = [d for d in (self._client, self._server) if self._hole(d) is not None]
            if not stuck:
                return
            # A true hole before what only waits for it, then the earlier packet.
            first = min(
                stuck, key=lambda d: (d.is_ready(), d.pieces[0].number if d.pieces else 1 << 62)
            )
            self._give_up(first)

    def _both(self, side: Side) -> tuple[Direction, Direction]:
        return (self._client, self._server) if side == "client" else (self._server, self._client)

    def _handle_syn(self, segment: Segment, mine: Direction, other: Direction) -> bool:
        """Learn where a direction begins; False: the packet contradicts what is known."""
        (self.syn_ack if segment.flags & ACK else self.syn).append(segment.number)
        if mine.isn is not None and mine.isn != segment.seq:
            if mine.next or mine.pieces or self._acknowledged:
                message = f"another initial sequence number: {segment.seq} after {mine.isn}; the first is kept"
                mine.complain(message, (segment.number,))
                return False
            mine.base = None
        mine.isn = segment.seq
        mine.begin(segment.seq + 1, from_start=True)
        if segment.flags & ACK and other.isn is None:
            other.begin(segment.ack, from_start=True)
        return True

    def _handle_ack(self, segment: Segment, side: Side, other: Direction) -> int:
        """Note what the sender has received, and say how much it is; 0 for what cannot be."""
        if other.base is None:
            other.begin(segment.ack, from_start=False)
        place = other.place(segment.ack)
        if place < 0 or place - other.end > MAX_AHEAD:
            return 0
        if side == "client" and not segment.flags & SYN and self.syn_ack:
            self._acknowledged = True
        if other.fin is not None and place > other.fin:
            other.fin_acked = True
            place = other.fin
        other.acked = max(other.acked, place)
        return place

    def _handle_reset(self, segment: Segment, mine: Direction, other: Direction) -> None:
        # RFC 9293 section 3.10.7: a RST counts when it is in the window, or answers the SYN.
        if mine.base is None:
            if segment.flags & ACK and other.base is not None:
                self._reset |= 0 <= other.place(segment.ack) <= other.end + 1
            else:
                self._reset |= not self.from_start
            return
        place = mine.place(segment.seq)
        self._reset |= min(mine.acked, mine.next) - 1 <= place <= mine.end + _RST_WINDOW

    def _handle_diagnostic(self, segment: Segment, mine: Direction) -> None:
        """The payload of a RST: a text for people (RFC 1122 section 4.2.2.12), though tools take it for data."""
        if not segment.data:
            return
        if mine.base is None:
            mine.begin(segment.seq, from_start=False)
        place = mine.place(segment.seq)
        mine.add(Piece(place, len(segment.data), segment.data, 0, segment.number, segment.time_ns))
        size = len(segment.data)
        message = f"{size} bytes in a RST: one reader takes them for data, another drops them; they are kept"
        mine.complain(message, (segment.number,))
        self._deliver()

    def _deliver(self) -> None:
        """Hand on all that is in order, in causal order."""
        pair = ((self._client, self._server), (self._server, self._client))
        while True:
            moved = False
            for mine, other in pair:
                while mine.is_ready() and mine.pieces[0].after <= other.next:
                    self._hand_on(mine)
                    moved = True
            if moved:
                continue
            if not (self._client.is_ready() and self._server.is_ready()):
                return
            # Each waits for the other: a retransmission carries a newer acknowledgment than its lost original.
            self._hand_on(min(self._client, self._server, key=lambda d: d.pieces[0].number))

    def _hand_on(self, direction: Direction) -> None:
        first = direction.next == 0
        piece = direction.take()
        if first and not direction.from_start:
            self.receiver.gap(direction.side, None, piece.number, direction.time_ns)
        if piece.data is None:
            self.receiver.gap(direction.side, piece.size, piece.number, direction.time_ns)
        else:
            self.receiver.feed(direction.side, piece.data, piece.number, direction.time_ns)

    def _lose_patience(self, segment: Segment) -> None:
        for direction in (self._client, self._server):
            until = direction.missing_until()
            full = direction.buffered > _MAX_BUFFERED or len(direction.pieces) > _MAX_PIECES
            if until is None and not full:
                self._waiting.pop(direction.side, None)
                continue
            since = self._waiting.setdefault(
                direction.side, _Waiting(self.packet_count, segment.time_ns)
            )
            late = self.packet_count - since.packet_count >= _PATIENCE
            if full or late or segment.time_ns - since.time_ns >= _PATIENCE_NS:
                self._waiting.pop(direction.side, None)
                self._give_up(direction)
                self._deliver()

    def _hole(self, direction: Direction) -> int | None:
        """Where the bytes go on, or end, after a hole at the present place."""
        if direction.pieces:
            return direction.pieces[0].offset
        end = max(direction.missing_until() or 0, direction.fin or 0)
        return end if end > direction.next else None

    def _give_up(self, direction: Direction) -> None:
        """Declare the hole; or, where nothing is missing here, let go what waits for the other direction."""
        if direction.is_ready():
            self._hand_on(direction)
            return
        until = direction.missing_until() or self._hole(direction)
        if until is None:
            return
        size = direction.skip(until)
        number = direction.pieces[0].number if direction.pieces else self.last_packet
        self.receiver.gap(direction.side, size, number, max(direction.time_ns, self.opened_ns))
