"""One end of a simulated TCP connection: the state machine of RFC 9293, as Linux does it.

It is told of segments, of time and of what the application wants, and says what leaves. It knows no host: segments go
to a callable, and changes are told to another one.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from harness.world.wire.sim_frame import ACK, FIN, PSH, RST, SYN, Segment, build_refusal
from harness.world.wire.sim_loop import Agenda
from harness.world.wire.sim_receiver import DIALOGUE_NS, FIRST_WINDOW, SCALE, Receiver
from harness.world.wire.sim_sender import RTO_FIRST_NS, Piece, Sender
from harness.world.wire.sim_state import MODULUS, Key, State, difference, failure
from harness.world.wire.sim_timer import Timer

_SYN_LINEAR = 4
"""A SYN is repeated after a second each time; later ones wait twice as long each (Linux 6.5)."""
_SYN_RETRIES = 6
_DATA_RETRIES = 15


# Not a set: the hash of an enum's member takes longer than looking at all five.
_SENDING = (
    *(State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT_1),
    *(State.CLOSING, State.LAST_ACK),
)


class TcpEnd:
    """One end, from its first SYN to its last acknowledgement."""

    def __init__(
        self,
        key: Key,
        agenda: Agenda,
        *,
        first: int,
        mss: int,
        send: Callable[[Segment], None],
        changed: Callable[[], None],
        ended: Callable[[TcpEnd], None],
    ) -> None:
        """Nothing is sent yet.

        Args:
            key: both ends.
            agenda: the time.
            first: initial sequence number.
            mss: the most payload of a segment that this end takes.
            send: puts a segment on the wire.
            changed: something that the application may wait for has happened.
            ended: it is CLOSED or in TIME_WAIT.
        """
        self.key = key
        self.state = State.CLOSED
        self.error: ConnectionError | None = None
        self.sender = Sender(mss)
        self.receiver = Receiver(mss)
        self._agenda = agenda
        self._first, self._peer_first = first, 0
        self._mss = mss
        self._send, self.changed, self._ended = send, changed, ended
        self._scale = 0
        self._is_released = False
        self._tries = 0
        self._began_ns = agenda.now_ns
        self._retransmission = Timer(agenda, self._time_out)
        self._acknowledgement = Timer(agenda, self._acknowledge)
        self._probe = Timer(agenda, self._ask_for_window)

    # opening

    def connect(self) -> None:
        """Send the SYN."""
        self.state = State.SYN_SENT
        self._send_syn()

    def accept(self, syn: Segment) -> None:
        """Answer a SYN."""
        self.state = State.SYN_RECEIVED
        self._learn(syn)
        self._send_syn()

    def _learn(self, syn: Segment) -> None:
        self._peer_first = syn.seq
        self.sender.mss = min(self._mss, syn.mss or 536)
        self._scale = syn.scale or 0
        self.sender.window = syn.window

    def _send_syn(self) -> None:
        is_answer = self.state is State.SYN_RECEIVED
        self._emit(0, SYN | ACK if is_answer else SYN, mss=self._mss, scale=SCALE)
        self.sender.nxt = self.sender.top = 1
        wait = RTO_FIRST_NS << max(0, self._tries - _SYN_LINEAR)
        self._retransmission.start(wait)

    # the application's side

    def write(self, data: bytes) -> None:
        """Queue data, and send what may leave."""
        self.sender.write(data)
        self._pump()

    def end(self) -> None:
        """No more data: FIN behind all that is queued."""
        if self.state is State.ESTABLISHED:
            self.state = State.FIN_WAIT_1
        elif self.state is State.CLOSE_WAIT:
            self.state = State.LAST_ACK
        else:
            return
        self.sender.is_ended = True
        self._pump()

    def read(self, limit: int) -> bytes:
        """Take what has come; tell the peer when that makes much room."""
        data = self.receiver.read(limit)
        is_reading = self.state in _SENDING or self.state is State.FIN_WAIT_2
        if is_reading and self.receiver.is_window_news():
            self._acknowledge()
        return data

    def release(self) -> None:
        """The application is gone: what is queued still leaves, unless unread data makes that pointless (RST)."""
        self._is_released = True
        if self.state is State.CLOSED:
            return
        if self.receiver.unread:
            self.abort()
        else:
            self.end()

    def abort(self) -> None:
        """RST, and the end."""
        if self.state in (State.CLOSED, State.TIME_WAIT):
            return
        if self.state is not State.SYN_SENT:
            self._emit(self.sender.top, RST | ACK)
        self._finish(failure(errno.ECONNABORTED, "closed at this end"))

    # the wire's side

    def receive(self, segment: Segment) -> None:
        """Take a segment for this connection."""
        if self.state is State.SYN_SENT:
            self._receive_answer(segment)
            return
        position = self._position(segment.seq)
        if segment.flags & RST:
            if 0 <= position - self.receiver.nxt <= max(self.receiver.window, 1):
                self._finish(failure(errno.ECONNRESET, "reset by the peer"))
            return
        if segment.flags & SYN:
            if self.state is State.SYN_RECEIVED and position == 0:
                self._send_syn()
            else:
                self._acknowledge()
            return
        if not segment.flags & ACK or not self._take_acknowledgement(segment):
            return
        self._take_data(segment, position)
        if self.state is not State.CLOSED:
            self._pump()

    def _receive_answer(self, segment: Segment) -> None:
        is_ours = (segment.ack - self._first) % MODULUS == 1
        if not segment.flags & ACK or not is_ours:
            return
        if segment.flags & RST:
            self._finish(failure(errno.ECONNREFUSED, "refused"))
        elif segment.flags & SYN:
            self._learn(segment)
            self._establish()
            self._acknowledge()

    def _establish(self) -> None:
        self.state = State.ESTABLISHED
        began = self._began_ns if self._tries == 0 else None
        self.sender.open(self._agenda.now_ns, measured_from_ns=began)
        self._retransmission.stop()
        self._tries = 0
        self.changed()

    def _take_acknowledgement(self, segment: Segment) -> bool:
        """False: the segment is no more to be looked at."""
        sender = self.sender
        position = sender.una + difference(segment.ack, self._first + sender.una)
        if self.state is State.SYN_RECEIVED:
            if not 1 <= position <= sender.top:
                # RFC 9293 section 3.10.7.4: of an older connection, whose ends would acknowledge each other for ever.
                self._send(build_refusal(segment))
                return False
            self._establish()
        if position > sender.top:
            self._acknowledge()
            return False
        moved = position > sender.una
        again = sender.acknowledge(
            position,
            is_pure=segment.length == 0,
            window=segment.window << self._scale,
            now_ns=self._agenda.now_ns,
        )
        if moved:
            self._tries = 0
            self._rearm()
            self.changed()
            self._note_fin_acknowledged()
        if again and (piece := sender.repeat_oldest()) is not None:
            self._emit_piece(piece)
            self._rearm()
        return self.state is not State.CLOSED

    def _note_fin_acknowledged(self) -> None:
        if not self.sender.is_ended or self.sender.una <= self.sender.end:
            return
        if self.state is State.FIN_WAIT_1:
            self.state = State.FIN_WAIT_2
        elif self.state is State.CLOSING:
            self._wait_out()
        elif self.state is State.LAST_ACK:
            self._finish(None)

    def _take_data(self, segment: Segment, position: int) -> None:
        receiver = self.receiver
        at_once = False
        if segment.payload:
            is_new = position + len(segment.payload) > receiver.nxt
            if self._is_released and is_new:
                # Nobody will read it (RFC 1122 section 4.2.2.13).
                self._send(build_refusal(segment))
                self._finish(None)
                return
            at_once = receiver.accept(position, segment.payload, self._agenda.now_ns)
        elif position < receiver.nxt and not segment.flags & FIN:
            at_once = True  # A question for the window.
        fin = position + len(segment.payload) if segment.flags & FIN else receiver.fin
        if fin is not None and not receiver.is_ended:
            at_once = self._take_fin(fin) or at_once
        elif segment.flags & FIN:
            at_once = True
        if at_once:
            self._acknowledge()
        elif segment.length:
            self._acknowledgement.start_if_idle(DIALOGUE_NS)
        if segment.length:
            self.changed()

    def _take_fin(self, position: int) -> bool:
        """True: to be acknowledged at once."""
        if not self.receiver.end(position):
            return True
        if self.state is State.ESTABLISHED:
            self.state = State.CLOSE_WAIT
            return False
        if self.state is State.FIN_WAIT_1:
            self.state = State.CLOSING
        elif self.state is State.FIN_WAIT_2:
            self._wait_out()
        return True

    # sending

    def _position(self, seq: int) -> int:
        nxt = self.receiver.nxt
        return nxt + difference(seq, self._peer_first + nxt)

    def _pump(self) -> None:
        """Send what may leave."""
        if self.state not in _SENDING:
            return
        if self.sender.has_sent_all:
            self._probe.stop()
            return
        sent = False
        while (piece := self.sender.take(self._agenda.now_ns)) is not None:
            self._emit_piece(piece)
            sent = True
        if sent and not self._retransmission.is_running:
            self._rearm()
        if self.sender.is_blocked:
            self._probe.start_if_idle(self.sender.rto_ns)
        else:
            self._probe.stop()

    def _emit_piece(self, piece: Piece) -> None:
        flags = ACK | (PSH if piece.push else 0) | (FIN if piece.fin else 0)
        if piece.payload:
            self.receiver.note_data_sent(self._agenda.now_ns)
        self._emit(piece.position, flags, piece.payload)

    def _acknowledge(self) -> None:
        if self.state is not State.CLOSED:
            # Not from `nxt`, which goes back after a time-out: both ends would answer each other for ever.
            self._emit(self.sender.top, ACK)

    def _ask_for_window(self) -> None:
        if self.sender.is_blocked:
            self._emit(self.sender.una - 1, ACK)
            self._tries += 1
            self._probe.start(self.sender.rto_ns << min(self._tries, 9))

    def _emit(
        self,
        position: int,
        flags: int,
        payload: bytes = b"",
        *,
        mss: int | None = None,
        scale: int | None = None,
    ) -> None:
        window = FIRST_WINDOW if flags & SYN else self.receiver.window
        ack = 0
        if flags & ACK:
            ack = (self._peer_first + self.receiver.nxt) % MODULUS
            self.receiver.note_sent(window)
            self._acknowledgement.stop()
        own, own_port, peer, peer_port = self.key
        self._send(
            Segment(
                own,
                own_port,
                peer,
                peer_port,
                (self._first + position) % MODULUS,
                ack,
                flags,
                window if flags & SYN else window >> SCALE,
                payload,
                mss,
                scale,
            )
        )

    def _rearm(self) -> None:
        if self.sender.is_under_way:
            self._retransmission.start(self.sender.rto_ns)
        else:
            self._retransmission.stop()

    def _time_out(self) -> None:
        self._tries += 1
        if self.state in (State.SYN_SENT, State.SYN_RECEIVED):
            if self._tries > _SYN_RETRIES:
                self._finish(failure(errno.ETIMEDOUT, "no answer"))
            else:
                self._send_syn()
            return
        if self._tries > _DATA_RETRIES:
            self._finish(failure(errno.ETIMEDOUT, "no acknowledgement"))
            return
        self.sender.time_out()
        self._pump()

    # ending

    def _wait_out(self) -> None:
        self.state = State.TIME_WAIT
        self._stop_timers()
        self.changed()
        self._ended(self)

    def _finish(self, error: ConnectionError | None) -> None:
        self.state = State.CLOSED
        self.error = error
        self._stop_timers()
        self.changed()
        self._ended(self)

    def _stop_timers(self) -> None:
        for timer in (self._retransmission, self._acknowledgement, self._probe):
            timer.stop()
