"""One TLS connection, from the bytes of both directions to its session and its plaintext.

Rules of order (a direction may run ahead of the other one by what TCP delivered first):
1. The server's records wait for a ClientHello, and after a HelloRetryRequest for the second one.
2. The client's ChangeCipherSpec and protected records wait for the ServerHello; early data waits for the answer to it.
3. Nothing waits after `finish`, beyond QUEUE_LIMIT, or where the awaited hello fell into a hole.
In TLS 1.3 only records of type application_data are protected (RFC 8446 section 5.2).
"""

from __future__ import annotations

from harness.capture.keylog import Secrets
from harness.decode.detail import EVERYTHING, Detail
from harness.decode.tcp.run import Run
from harness.decode.tls.alert import is_alert
from harness.decode.tls.cipher import BadRecordError
from harness.decode.tls.conversation import Conversation
from harness.decode.tls.dialogue import Dialogue
from harness.decode.tls.epoch import Epoch
from harness.decode.tls.express import Express
from harness.decode.tls.flow import Flow, Hole
from harness.decode.tls.plaintext import Plaintext
from harness.decode.tls.record import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    HEARTBEAT,
    NotRecord,
    Record,
)
from harness.trace.http import Malformed
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side, TlsSession

QUEUE_LIMIT = 1 << 20
"""Bytes of one direction that may wait for the other one."""
FAILURE_LIMIT = 16
"""Records in a row that may fail to open before the direction is given up."""


class TlsDecoder:
    """Decodes one TLS connection; never raises on bad bytes, never gives bytes whose tag was wrong."""

    def __init__(self, secrets: Secrets, detail: Detail = EVERYTHING) -> None:
        """Take the secrets of the capture; they are looked up when a handshake needs them."""
        self._state = Conversation(secrets, detail)
        self._dialogue = Dialogue(self._state)
        self._express = Express(self._state, self._handle_record, self._follow)

    @property
    def is_over(self) -> bool:
        """Only the handshake was wanted, and it has shown all that it will."""
        return self._state.is_over

    def resume(self, hellos: tuple[bytes, bytes], epochs: tuple[Epoch, Epoch]) -> None:
        """Go on in the middle of the application data of an ordinary connection.

        Args:
            hellos: The records with the hellos of client and server.
            epochs: The keys of both that are used now, and the numbers of the next records.
        """
        flows = self._state.client, self._state.server
        for flow, hello in zip(flows, hellos, strict=True):
            self.feed(flow.side, hello, PacketNumber(0), 0)
        for flow, epoch in zip(flows, epochs, strict=True):
            flow.messages.clear()
            flow.epoch, flow.sealed, flow.changed = epoch, None, True

    def feed_run(self, side: Side, run: Run) -> tuple[Plaintext, ...]:
        """The same as `feed` for the bytes of several packets."""
        state = self._state
        flow = state.flow(side)
        place, size = 0, len(run.data)
        while place < size:
            if state.client.queue or state.server.queue:
                break
            if flow.records.is_between:
                place = self._express.read(flow, run, place)
                if place == size:
                    return state.take_plaintexts()
            missing = flow.records.missing
            if not missing:
                break
            until = min(place + missing, size)
            for data, number, time_ns in run.pieces(place, until):
                flow.records.feed(data, Seen(time_ns=time_ns, packets=(number,)))
            place = until
            self._pull(flow)
            self._sort_out()
        for data, number, time_ns in run.pieces(place):
            flow.records.feed(data, Seen(time_ns=time_ns, packets=(number,)))
            self._pull(flow)
            self._sort_out()
        return state.take_plaintexts()

    def feed(
        self, side: Side, data: bytes, number: PacketNumber, time_ns: int
    ) -> tuple[Plaintext, ...]:
        """Take the next bytes of one side, and give what could be decrypted (of either side)."""
        flow = self._state.flow(side)
        flow.records.feed(data, Seen(time_ns=time_ns, packets=(number,)))
        self._pull(flow)
        return self._drain()

    def gap(
        self, side: Side, size: int | None, number: PacketNumber, time_ns: int
    ) -> tuple[Plaintext, ...]:
        """Note that the next `size` bytes of one side are missing; `number` is where that was noticed.

        A size of None or 0 says that it is not known how many are.
        """
        size = size or 0
        flow = self._state.flow(side)
        partial = flow.records.gap(size)
        if partial is not None:
            flow.push(partial)
        flow.push(Hole(size=size, seen=Seen(time_ns=time_ns, packets=(number,))))
        return self._drain()

    def close(self) -> tuple[Plaintext, ...]:
        """Say that no more bytes come, and give what had waited for them; before `finish`."""
        for flow in (self._state.client, self._state.server):
            rest = flow.records.take_rest()
            if rest is not None:
                flow.push(rest)
            flow.is_patient = False
        return self._drain()

    def finish(self) -> tuple[TlsSession, tuple[Malformed, ...]]:
        """End the connection: what was seen of the session, and the bytes that were wrong."""
        self.close()
        return self._state.build()

    # Order

    def _pull(self, flow: Flow) -> None:
        while (item := flow.records.take()) is not None:
            flow.push(item)
        if flow.queued_bytes > QUEUE_LIMIT:
            flow.is_patient = False

    def _drain(self) -> tuple[Plaintext, ...]:
        self._sort_out()
        return self._state.take_plaintexts()

    def _sort_out(self) -> None:
        """Handle all that need not wait."""
        progress = True
        while progress:
            progress = False
            for flow in (self._state.client, self._state.server):
                while flow.queue and not self._must_wait(flow):
                    self._handle(flow)
                    progress = True

    def _must_wait(self, flow: Flow) -> bool:
        item = flow.queue[0]
        if not flow.is_patient or not isinstance(item, Record):
            return False
        hellos = self._state.hellos
        if flow is self._state.server:
            if not hellos.client_hellos or hellos.is_retry_pending:
                return True
            return item.content_type == CHANGE_CIPHER_SPEC and len(hellos.server_hellos) > len(
                hellos.client_hellos
            )
        if hellos.is_retry_pending:
            return False
        if item.content_type == CHANGE_CIPHER_SPEC:
            return not hellos.is_answered
        if item.content_type != APPLICATION_DATA or flow.sealed is not None:
            return False
        if flow.epoch is None:
            return not hellos.is_answered
        return self._state.awaits_early_answer(flow)

    # Records

    def _handle(self, flow: Flow) -> None:
        """Take one item from the queue and follow it."""
        item = flow.pop()
        if self._state.is_over:
            return
        match item:
            case NotRecord():
                self._state.report(flow.side, item.message, item.seen)
                self._state.lose(flow, item.message, item.seen)
            case Hole():
                self._handle_hole(flow, item)
            case Record(whole=True):
                flow.lost_limit += item.lost_limit
                self._handle_record(flow, item)
            case _:
                # The start of a record: whole handshake messages in the clear may stand in it.
                if (
                    item.content_type == HANDSHAKE
                    and flow.epoch is None
                    and flow.sealed is None
                    and item.fragment
                ):
                    self._dialogue.handle_fragment(flow, item.fragment, item.body_spans)

    def _handle_hole(self, flow: Flow, hole: Hole) -> None:
        state = self._state
        state.lose(flow, f"hole of {hole.size or 'an unknown number of'} bytes", hole.seen)
        # Where the other side waits for a hello of this one: it fell into the hole.
        if flow is state.client and not state.hellos.client_hellos:
            state.server.is_patient = False
        if flow is state.client and state.hellos.is_retry_pending:
            state.server.is_patient = False
        if flow is state.server and not state.hellos.is_answered:
            state.client.is_patient = False

    def _handle_record(self, flow: Flow, record: Record) -> None:
        if flow.sealed is not None:
            self._handle_sealed(flow, record, flow.sealed)
        elif flow.epoch is None:
            self._handle_clear(flow, record)
        elif self._state.hellos.is_tls13 and record.content_type != APPLICATION_DATA:
            self._handle_clear_in_tls13(flow, record)
        else:
            self._handle_protected(flow, record)

    def _handle_clear(self, flow: Flow, record: Record) -> None:
        kind, hellos = record.content_type, self._state.hellos
        is_odd_alert = kind == ALERT and not is_alert(record.fragment)
        if is_odd_alert or (kind == HANDSHAKE and not flow.messages.accepts(record.fragment)):
            if hellos.server_hellos and not hellos.is_tls13:
                # Not in the clear: ChangeCipherSpec fell into the hole.
                self._state.enter_unseen(flow, record.seen)
                self._handle_record(flow, record)
            elif flow.changed:
                self._state.seal(flow, "no ClientHello was seen")
                self._handle_record(flow, record)
            elif is_odd_alert:
                self._dialogue.handle_alert(flow, record.fragment, record.seen)
        elif kind == HANDSHAKE:
            self._dialogue.handle_fragment(flow, record.fragment, record.body_spans)
        elif kind == ALERT:
            self._dialogue.handle_alert(flow, record.fragment, record.seen)
        elif kind == CHANGE_CIPHER_SPEC:
            self._dialogue.handle_change_cipher_spec(flow, record.fragment, record.seen)
        elif kind == APPLICATION_DATA:
            if hellos.is_retry_pending and flow is self._state.client:
                # RFC 8446 section 4.2.10: early data before a HelloRetryRequest was heard of; the server skips it.
                self._state.facts.early_data = "rejected"
            elif flow.has_hole or not hellos.is_answered or not hellos.client_hellos:
                self._state.enter_unseen(flow, record.seen)
                self._handle_record(flow, record)
            elif hellos.is_tls13:
                self._state.seal(flow, "protected record before its keys")
                self._handle_record(flow, record)
            else:
                self._state.report(
                    flow.side, "application data before ChangeCipherSpec", record.seen
                )

    def _handle_clear_in_tls13(self, flow: Flow, record: Record) -> None:
        """RFC 8446 section 5 and D.4: after the hellos only ChangeCipherSpec and alerts can be in the clear."""
        if record.content_type == CHANGE_CIPHER_SPEC:
            self._dialogue.handle_change_cipher_spec(flow, record.fragment, record.seen)
        elif record.content_type == ALERT and len(record.fragment) == 2:
            self._dialogue.handle_alert(flow, record.fragment, record.seen)
        else:
            self._state.report(
                flow.side,
                f"record of type {record.content_type} in the clear after the hellos",
                record.seen,
            )

    def _handle_protected(self, flow: Flow, record: Record) -> None:
        try:
            kind, content = flow.open(record, lambda: self._state.find_successor(flow))
        except BadRecordError as error:
            self._handle_unopened(flow, record, str(error))
            return
        self._follow(flow, kind, content, record.seen)

    def _follow(self, flow: Flow, kind: int, content: bytes, seen: Seen) -> None:
        """Take what was in a protected record."""
        self._state.see_opened(flow)
        if kind == APPLICATION_DATA:
            self._handle_application_data(flow, content, seen)
        elif kind == HANDSHAKE:
            self._dialogue.handle_fragment(flow, content, ((len(content), seen),))
        elif kind == ALERT:
            self._dialogue.handle_alert(flow, content, seen)
        elif kind == CHANGE_CIPHER_SPEC and not self._state.hellos.is_tls13:
            self._dialogue.handle_change_cipher_spec(flow, content, seen)
        elif kind != HEARTBEAT:
            self._state.report(
                flow.side, f"unexpected content type {kind} inside a protected record", seen
            )

    def _handle_unopened(self, flow: Flow, record: Record, error: str) -> None:
        epoch = flow.epoch
        assert epoch is not None
        if (
            flow is self._state.client
            and self._state.hellos.offers_early_data
            and epoch.seq == 0
            and epoch.stage != "application"
        ):
            # RFC 8446 section 4.2.10: early data that the server refused is nothing.
            if self._state.hellos.early_data_accepted is False:
                self._state.facts.early_data = "rejected"
                return
            if epoch.stage == "handshake":
                self._state.note("no CLIENT_EARLY_TRAFFIC_SECRET for this client random")
                self._state.mark_gap(flow, record.seen)
                return
        message = f"record of {len(record.fragment)} bytes: {error}"
        # Keys that never opened anything may be the wrong ones: then the bytes are not to blame.
        flow.suspects.append((message, record.seen))
        if epoch.seq:
            self._state.blame(flow)
            reason = f"{flow.side} {message}"
        else:
            reason = f"the secrets do not open the {flow.side} {message}"
        self._state.lose(flow, reason, record.seen)
        flow.lost_limit += 1
        flow.failure_count += 1
        if flow.failure_count >= FAILURE_LIMIT or epoch.opener.has_state:
            self._state.seal(flow, reason)

    def _handle_sealed(self, flow: Flow, record: Record, reason: str) -> None:
        """Protected and without keys: before TLS 1.3 the record types still tell something."""
        kind, hellos = record.content_type, self._state.hellos
        if hellos.is_tls13 and kind != APPLICATION_DATA:
            self._handle_clear_in_tls13(flow, record)
            return
        self._state.note(reason)
        flow.is_whole = False
        if hellos.is_tls13:
            return
        if kind == HANDSHAKE and flow.changed and flow.epoch is None:
            self._state.facts.see_finished(flow.side, record.seen)
        elif kind == APPLICATION_DATA and hellos.server_hellos:
            self._state.facts.see_application_data(flow.side, record.seen)

    def _handle_application_data(self, flow: Flow, data: bytes, seen: Seen) -> None:
        epoch = flow.epoch
        assert epoch is not None
        if epoch.stage == "handshake":
            self._state.report(flow.side, "application data before Finished", seen)
        elif epoch.stage == "early":
            is_accepted = self._state.hellos.early_data_accepted is not False
            self._state.facts.early_data = "accepted" if is_accepted else "rejected"
            if is_accepted:
                self._state.emit(flow, data, seen)
        elif data:
            self._state.emit(flow, data, seen)
