"""One TLS connection, from the bytes of both directions to its session and its plaintext.

Rules of order (a direction may run ahead of the other one by what TCP delivered first):
1. The server's records wait for a ClientHello, and after a HelloRetryRequest for the second one.
2. The client's ChangeCipherSpec and protected records wait for the ServerHello; early data waits for the answer to it.
3. Nothing waits after `finish`, beyond QUEUE_LIMIT, or where the awaited hello fell into a hole.
In TLS 1.3 only records of type application_data are protected (RFC 8446 section 5.2).
"""

from __future__ import annotations

from typing import Literal

from harness.capture.keylog import Secrets
from harness.decode.plaintext import Plaintext
from harness.decode.tls_cipher import BadRecordError
from harness.decode.tls_epoch import Epoch, MissingKeysError, Stage
from harness.decode.tls_facts import SessionFacts
from harness.decode.tls_flow import Flow, Hole
from harness.decode.tls_handshake import MESSAGE_LIMIT, Message
from harness.decode.tls_message import (
    HandshakeType,
    MessageError,
    decode_client_hello,
    parse_certificate_list,
    parse_compressed_certificate,
    parse_encrypted_extensions,
    parse_server_hello,
)
from harness.decode.tls_negotiation import Negotiation
from harness.decode.tls_record import (
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
MALFORMED_LIMIT = 64
"""Malformed observations kept of one connection."""
FAILURE_LIMIT = 16
"""Records in a row that may fail to open before the direction is given up."""
UNSEEN_FLIGHT = 8
"""Protected records that may precede the first one after a lost ChangeCipherSpec: Finished and a few more."""

_FULL_HANDSHAKE = frozenset(
    {HandshakeType.certificate, HandshakeType.server_key_exchange, HandshakeType.server_hello_done}
)
_TLS13_STAGES: dict[Stage, Stage] = {"early": "handshake", "handshake": "application"}


class TlsDecoder:
    """Decodes one TLS connection; never raises on bad bytes, never gives bytes whose tag was wrong."""

    def __init__(self, secrets: Secrets) -> None:
        """Take the secrets of the capture; they are looked up when a handshake needs them."""
        self._facts = SessionFacts()
        self._hellos = Negotiation(secrets)
        self._client = Flow("client")
        self._server = Flow("server")
        self._plaintexts: list[Plaintext] = []
        self._malformed: list[Malformed] = []
        self._problem: str | None = None
        self._opened_count = 0
        self._is_full_handshake = False

    def feed(
        self, side: Side, data: bytes, number: PacketNumber, time_ns: int
    ) -> tuple[Plaintext, ...]:
        """Take the next bytes of one side, and give what could be decrypted (of either side)."""
        flow = self._flow(side)
        flow.records.feed(data, Seen(time_ns=time_ns, packets=(number,)))
        self._pull(flow)
        return self._drain()

    def gap(
        self, side: Side, size: int, number: PacketNumber, time_ns: int
    ) -> tuple[Plaintext, ...]:
        """Note that the next `size` bytes of one side are missing; `number` is where that was noticed."""
        if size <= 0:
            return ()
        flow = self._flow(side)
        partial = flow.records.gap(size)
        if partial is not None:
            flow.push(partial)
        flow.push(Hole(size=size, seen=Seen(time_ns=time_ns, packets=(number,))))
        return self._drain()

    def finish(self) -> tuple[TlsSession, tuple[Malformed, ...]]:
        """End the connection: what was seen of the session, and the bytes that were wrong."""
        for flow in (self._client, self._server):
            rest = flow.records.take_rest()
            if rest is not None:
                flow.push(rest)
            flow.is_patient = False
        self._drain()
        decrypted: Literal["yes", "partly", "no"] = "yes"
        if self._problem is not None:
            decrypted = "partly" if self._opened_count else "no"
        return self._facts.build(decrypted, self._problem), tuple(self._malformed)

    # Order

    def _flow(self, side: Side) -> Flow:
        return self._client if side == "client" else self._server

    def _pull(self, flow: Flow) -> None:
        while (item := flow.records.take()) is not None:
            flow.push(item)
        if flow.queued_bytes > QUEUE_LIMIT:
            flow.is_patient = False

    def _drain(self) -> tuple[Plaintext, ...]:
        progress = True
        while progress:
            progress = False
            for flow in (self._client, self._server):
                while flow.queue and not self._must_wait(flow):
                    self._handle(flow)
                    progress = True
        if not self._plaintexts:
            return ()
        plaintexts, self._plaintexts = tuple(self._plaintexts), []
        return plaintexts

    def _must_wait(self, flow: Flow) -> bool:
        item = flow.queue[0]
        if not flow.is_patient or not isinstance(item, Record):
            return False
        hellos = self._hellos
        if flow is self._server:
            if not hellos.client_hellos or hellos.is_retry_pending:
                return True
            return item.content_type == CHANGE_CIPHER_SPEC and len(hellos.server_hellos) > len(
                hellos.client_hellos
            )
        if hellos.is_retry_pending:
            return False
        if item.content_type == CHANGE_CIPHER_SPEC:
            return not hellos.is_answered
        if item.content_type != APPLICATION_DATA or flow.sealed:
            return False
        if flow.epoch is None:
            return not hellos.is_answered
        return self._awaits_early_answer(flow)

    def _awaits_early_answer(self, flow: Flow) -> bool:
        """Early data may have come, and the server has not said yet whether it takes it."""
        hellos, epoch = self._hellos, flow.epoch
        if (
            not hellos.is_tls13
            or hellos.early_data_accepted is not None
            or not hellos.offers_early_data
        ):
            return False
        server = self._server
        is_open = (
            server.epoch is not None and server.epoch.stage == "handshake" and not server.has_hole
        )
        return is_open and epoch is not None and (epoch.stage == "early" or epoch.seq == 0)

    # Records

    def _handle(self, flow: Flow) -> None:
        """Take one item from the queue and follow it."""
        item = flow.pop()
        match item:
            case NotRecord():
                self._report(flow.side, item.message, item.seen)
                self._lose(flow, item.message, item.seen)
            case Hole():
                self._lose(flow, f"hole of {item.size} bytes", item.seen)
                # The awaited hello fell into it, or will never be told apart.
                other = self._server if flow is self._client else self._client
                if not self._hellos.client_hellos or not self._hellos.is_answered:
                    other.is_patient = False
            case Record(whole=True):
                flow.lost_limit += item.lost_limit
                self._handle_record(flow, item)
            case _:
                # The start of a record: whole handshake messages in the clear may stand in it.
                if (
                    item.content_type == HANDSHAKE
                    and flow.epoch is None
                    and not flow.sealed
                    and item.fragment
                ):
                    self._handle_handshake(flow, item.fragment, item.body_spans)

    def _handle_record(self, flow: Flow, record: Record) -> None:
        if flow.sealed:
            self._handle_sealed(flow, record)
        elif flow.epoch is None:
            self._handle_clear(flow, record)
        elif self._hellos.is_tls13 and record.content_type != APPLICATION_DATA:
            self._handle_clear_in_tls13(flow, record)
        else:
            self._handle_protected(flow, record)

    def _handle_clear(self, flow: Flow, record: Record) -> None:
        kind, hellos = record.content_type, self._hellos
        if kind == HANDSHAKE and not flow.messages.accepts(record.fragment):
            if hellos.server_hellos and not hellos.is_tls13:
                # Not in the clear: ChangeCipherSpec fell into the hole.
                self._enter_unseen(flow)
                self._handle_record(flow, record)
        elif kind == HANDSHAKE:
            self._handle_handshake(flow, record.fragment, record.body_spans)
        elif kind == ALERT:
            self._handle_alert(flow, record.fragment, record.seen)
        elif kind == CHANGE_CIPHER_SPEC:
            self._handle_change_cipher_spec(flow, record.fragment, record.seen)
        elif kind == APPLICATION_DATA:
            if hellos.is_retry_pending and flow is self._client:
                # RFC 8446 section 4.2.10: early data before a HelloRetryRequest was heard of; the server skips it.
                self._facts.early_data = "rejected"
            elif flow.has_hole or not hellos.is_answered or not hellos.client_hellos:
                self._enter_unseen(flow)
                self._handle_record(flow, record)
            elif hellos.is_tls13:
                self._seal(flow, "protected record before its keys")
                self._handle_record(flow, record)
            else:
                self._report(flow.side, "application data before ChangeCipherSpec", record.seen)

    def _handle_clear_in_tls13(self, flow: Flow, record: Record) -> None:
        """RFC 8446 section 5 and D.4: after the hellos only ChangeCipherSpec and alerts can be in the clear."""
        if record.content_type == CHANGE_CIPHER_SPEC:
            self._handle_change_cipher_spec(flow, record.fragment, record.seen)
        elif record.content_type == ALERT and len(record.fragment) == 2:
            self._handle_alert(flow, record.fragment, record.seen)
        else:
            self._report(
                flow.side,
                f"record of type {record.content_type} in the clear after the hellos",
                record.seen,
            )

    def _handle_protected(self, flow: Flow, record: Record) -> None:
        try:
            kind, content = flow.open(record, lambda: self._find_successor(flow))
        except BadRecordError as error:
            self._handle_unopened(flow, record, str(error))
            return
        self._opened_count += 1
        seen = record.seen
        if kind == APPLICATION_DATA:
            self._handle_application_data(flow, content, seen)
        elif kind == HANDSHAKE:
            self._handle_handshake(flow, content, ((len(content), seen),))
        elif kind == ALERT:
            self._handle_alert(flow, content, seen)
        elif kind == CHANGE_CIPHER_SPEC and not self._hellos.is_tls13:
            self._handle_change_cipher_spec(flow, content, seen)
        elif kind != HEARTBEAT:
            self._report(
                flow.side, f"unexpected content type {kind} inside a protected record", seen
            )

    def _handle_unopened(self, flow: Flow, record: Record, error: str) -> None:
        epoch = flow.epoch
        assert epoch is not None
        if (
            flow is self._client
            and self._hellos.offers_early_data
            and epoch.seq == 0
            and epoch.stage != "application"
        ):
            # RFC 8446 section 4.2.10: early data that the server refused is nothing.
            if self._hellos.early_data_accepted is False:
                self._facts.early_data = "rejected"
                return
            if epoch.stage == "handshake":
                self._note("no CLIENT_EARLY_TRAFFIC_SECRET for this client random")
                self._mark_gap(flow, record.seen)
                return
        message = f"record of {len(record.fragment)} bytes: {error}"
        if self._opened_count:
            self._report(flow.side, message, record.seen)
        # Keys that never opened anything may be the wrong ones: then the bytes are not to blame.
        blame = "" if self._opened_count else "the secrets do not open the "
        reason = f"{blame}{flow.side} {message}"
        self._lose(flow, reason, record.seen)
        flow.lost_limit += 1
        flow.failure_count += 1
        if flow.failure_count >= FAILURE_LIMIT or epoch.opener.has_state:
            self._seal(flow, reason)

    def _handle_sealed(self, flow: Flow, record: Record) -> None:
        """Protected and without keys: before TLS 1.3 the record types still tell something."""
        kind, hellos = record.content_type, self._hellos
        if hellos.is_tls13:
            if kind != APPLICATION_DATA:
                self._handle_clear_in_tls13(flow, record)
            return
        if kind == HANDSHAKE and flow.changed and flow.epoch is None:
            self._facts.see_finished(flow.side, record.seen)
        elif kind == APPLICATION_DATA and hellos.server_hellos:
            self._facts.see_application_data(flow.side, record.seen)

    def _handle_application_data(self, flow: Flow, data: bytes, seen: Seen) -> None:
        epoch = flow.epoch
        assert epoch is not None
        if epoch.stage == "handshake":
            self._report(flow.side, "application data before Finished", seen)
        elif epoch.stage == "early":
            is_accepted = self._hellos.early_data_accepted is not False
            self._facts.early_data = "accepted" if is_accepted else "rejected"
            if is_accepted:
                self._emit(flow, data, seen)
        elif data:
            self._emit(flow, data, seen)

    def _emit(self, flow: Flow, data: bytes, seen: Seen) -> None:
        self._facts.see_plaintext(flow.side, data, seen)
        self._plaintexts.append(Plaintext(side=flow.side, data=data, seen=seen))

    def _handle_alert(self, flow: Flow, content: bytes, seen: Seen) -> None:
        if not content or len(content) % 2:
            self._report(flow.side, f"alert of {len(content)} bytes", seen)
            return
        for offset in range(0, len(content), 2):
            self._facts.see_alert(flow.side, content[offset], content[offset + 1], seen)

    def _handle_change_cipher_spec(self, flow: Flow, content: bytes, seen: Seen) -> None:
        if content != b"\1":
            self._report(
                flow.side, f"ChangeCipherSpec of {len(content)} bytes: {content[:8].hex()}", seen
            )
            return
        # RFC 8446 section D.4: middlebox compatibility; it changes nothing, also where it precedes the ServerHello.
        if self._hellos.is_tls13:
            return
        if flow is self._server and len(self._hellos.server_hellos) == 1 and not flow.has_hole:
            # RFC 5246 section 7.3, RFC 5077 section 3.4: the abbreviated handshake goes on at once.
            self._facts.resumed = not self._is_full_handshake
        flow.changed = True
        self._switch(flow, "tls12")

    # Handshake

    def _handle_handshake(
        self, flow: Flow, content: bytes, spans: tuple[tuple[int, Seen], ...]
    ) -> None:
        flow.messages.feed(content, spans)
        while (message := flow.messages.take()) is not None:
            try:
                self._handle_message(flow, message)
            except MessageError as error:
                self._report(
                    flow.side, f"handshake message of type {message.kind}: {error}", message.seen
                )
        if flow.messages.refused is not None:
            self._report(flow.side, flow.messages.refused, spans[-1][1])
            flow.messages.refused = None

    def _handle_message(self, flow: Flow, message: Message) -> None:
        if message.kind == HandshakeType.finished:
            self._handle_finished(flow, message)
        elif message.kind == HandshakeType.key_update:
            if flow.epoch is None or flow.epoch.stage != "application":
                raise MessageError("KeyUpdate before Finished")
            self._use(flow, flow.epoch.build_updated())
        elif message.kind in {HandshakeType.certificate, HandshakeType.compressed_certificate}:
            self._handle_certificate(flow, message)
        elif flow is self._client:
            self._handle_client_message(flow, message)
        else:
            self._handle_server_message(flow, message)

    def _handle_client_message(self, flow: Flow, message: Message) -> None:
        facts, hellos = self._facts, self._hellos
        if message.kind == HandshakeType.client_hello:
            client_hello, problem = decode_client_hello(message.body)
            if client_hello is not None:
                hellos.add_client_hello(client_hello)
                facts.see_client_hello(client_hello, message.seen)
            if problem is not None:
                raise MessageError(problem)
        elif message.kind == HandshakeType.certificate_verify:
            facts.certificate_verify = facts.certificate_verify or message.seen
        elif message.kind == HandshakeType.end_of_early_data:
            if flow.epoch is None or flow.epoch.stage != "early":
                raise MessageError("EndOfEarlyData without early data")
            facts.early_data = facts.early_data or "accepted"
            self._switch(flow, "handshake")
        elif message.kind == HandshakeType.server_hello:
            raise MessageError("ServerHello from the client")

    def _handle_server_message(self, flow: Flow, message: Message) -> None:
        facts, hellos = self._facts, self._hellos
        if message.kind == HandshakeType.server_hello:
            self._handle_server_hello(message)
        elif message.kind == HandshakeType.encrypted_extensions:
            facts.alpn, is_accepted = parse_encrypted_extensions(message.body)
            if hellos.early_data_accepted is None:
                hellos.early_data_accepted = is_accepted
        elif message.kind == HandshakeType.certificate_request:
            facts.certificate_request = facts.certificate_request or message.seen
        elif message.kind in _FULL_HANDSHAKE:
            self._is_full_handshake = True
        elif message.kind == HandshakeType.client_hello:
            raise MessageError("ClientHello from the server")

    def _handle_server_hello(self, message: Message) -> None:
        hellos = self._hellos
        server_hello = parse_server_hello(message.body)
        hellos.add_server_hello(server_hello)
        self._facts.see_server_hello(server_hello, message.seen)
        if not server_hello.is_tls13:
            return
        if server_hello.is_retry:
            # Early data may follow; with the second ClientHello the client is in the clear again.
            return
        self._switch(self._server, "handshake")
        client = self._client
        early = None
        if hellos.offers_early_data and not client.sealed:
            early = hellos.find_epoch("client", "early")
        if early is not None:
            self._use(client, early)
        elif not client.sealed:
            self._switch(client, "handshake")

    def _handle_certificate(self, flow: Flow, message: Message) -> None:
        if flow is self._server:
            self._is_full_handshake = True
        body = message.body
        if message.kind == HandshakeType.compressed_certificate:
            body = parse_compressed_certificate(body, limit=MESSAGE_LIMIT)
        chain = parse_certificate_list(body, is_tls13=self._hellos.is_tls13)
        self._facts.see_certificates(flow.side, chain, message.seen)

    def _handle_finished(self, flow: Flow, message: Message) -> None:
        if flow.epoch is None:
            raise MessageError("Finished in the clear")
        if flow.epoch.stage == "early":
            raise MessageError("Finished before EndOfEarlyData")
        self._facts.see_finished(flow.side, message.seen)
        if flow.epoch.stage == "handshake":
            self._switch(flow, "application")

    # Keys

    def _switch(self, flow: Flow, stage: Stage) -> None:
        """Go on with the keys of `stage`, or without any."""
        try:
            self._use(flow, self._hellos.build_epoch(flow.side, stage))
        except MissingKeysError as error:
            flow.epoch = None
            self._seal(flow, str(error))

    def _use(self, flow: Flow, epoch: Epoch) -> None:
        # RFC 8446 section 5.1: a message cannot go on under other keys.
        size = flow.messages.clear()
        if size:
            self._report(
                flow.side, f"{size} bytes of a handshake message before a change of keys", None
            )
        flow.epoch = epoch
        flow.lost_limit = 0

    def _find_successor(self, flow: Flow) -> Epoch | None:
        """The keys that follow the current ones, where the message that changes them was not seen."""
        epoch = flow.epoch
        if epoch is None or epoch.stage == "tls12":
            return None
        if epoch.stage == "application":
            return epoch.build_updated()
        return self._hellos.find_epoch(flow.side, _TLS13_STAGES[epoch.stage])

    def _enter_unseen(self, flow: Flow) -> None:
        """Protected records begin, and what announced them is missing."""
        if self._hellos.is_tls13:
            self._switch(flow, "handshake")
        else:
            self._switch(flow, "tls12")
        flow.lost_limit += UNSEEN_FLIGHT

    def _seal(self, flow: Flow, reason: str) -> None:
        flow.sealed = True
        flow.messages.clear()
        self._note(reason)

    # Problems

    def _lose(self, flow: Flow, reason: str, seen: Seen) -> None:
        """Bytes of a direction are missing or useless."""
        flow.has_hole = True
        flow.messages.gap()
        self._note(reason)
        self._mark_gap(flow, seen)

    def _mark_gap(self, flow: Flow, seen: Seen) -> None:
        self._plaintexts.append(Plaintext(side=flow.side, data=b"", seen=seen, follows_gap=True))

    def _note(self, reason: str) -> None:
        if self._problem is None:
            self._problem = reason

    def _report(self, sender: Side, message: str, seen: Seen | None) -> None:
        if len(self._malformed) < MALFORMED_LIMIT:
            packets = () if seen is None else seen.packets
            self._malformed.append(
                Malformed(sender=sender, layer="tls", message=message, packets=packets)
            )
