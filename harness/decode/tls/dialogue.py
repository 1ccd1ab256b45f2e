"""What the ends say to each other in a TLS handshake: messages, ChangeCipherSpec and alerts, and what each changes."""

from __future__ import annotations

from harness.decode.tls.alert import is_alert
from harness.decode.tls.bytes import join_seen
from harness.decode.tls.conversation import Conversation
from harness.decode.tls.flow import Flow
from harness.decode.tls.handshake import MESSAGE_LIMIT, Message
from harness.decode.tls.message import (
    HandshakeType,
    MessageError,
    decode_client_hello,
    find_authorities,
    find_ticket,
    parse_certificate_list,
    parse_compressed_certificate,
    parse_encrypted_extensions,
    parse_server_hello,
)
from harness.decode.tls.rsa import KeyExchange
from harness.trace.tls import Seen

# Plain numbers: the hash of an enumeration's member is computed in Python.
_FINISHED = int(HandshakeType.finished)
_KEY_UPDATE = int(HandshakeType.key_update)
_CLIENT_HELLO = int(HandshakeType.client_hello)
_SERVER_HELLO = int(HandshakeType.server_hello)
_CERTIFICATE = int(HandshakeType.certificate)
_COMPRESSED_CERTIFICATE = int(HandshakeType.compressed_certificate)
_CERTIFICATE_VERIFY = int(HandshakeType.certificate_verify)
_CERTIFICATE_REQUEST = int(HandshakeType.certificate_request)
_END_OF_EARLY_DATA = int(HandshakeType.end_of_early_data)
_ENCRYPTED_EXTENSIONS = int(HandshakeType.encrypted_extensions)
_NEW_SESSION_TICKET = int(HandshakeType.new_session_ticket)
_FULL_HANDSHAKE = (
    int(HandshakeType.server_key_exchange),
    int(HandshakeType.server_hello_done),
)
_CHANGES_KEYS = (_FINISHED, _KEY_UPDATE, _SERVER_HELLO, _END_OF_EARLY_DATA)


class Dialogue:
    """Follows the handshake of one connection."""

    __slots__ = ("_exchange", "_is_full_handshake", "_state")

    def __init__(self, state: Conversation) -> None:
        """Take the connection whose state the messages change."""
        self._state = state
        self._is_full_handshake = False
        secrets = state.hellos.secrets
        self._exchange = KeyExchange(secrets) if secrets.needs_key_exchange else None

    def handle_fragment(
        self, flow: Flow, content: bytes, spans: tuple[tuple[int, Seen], ...]
    ) -> None:
        """A fragment of handshake data, in the clear or opened; `spans` are its pieces and their origins."""
        if flow.messages.is_between:
            rest = self._handle_whole(flow, content, spans)
            if not rest:
                return
            if len(rest) < len(content):
                content, spans = rest, ((len(rest), spans[-1][1]),)
        flow.messages.feed(content, spans)
        while (message := flow.messages.take()) is not None:
            self._try_message(flow, message)
        if flow.messages.refused is not None:
            self._state.report(flow.side, flow.messages.refused, spans[-1][1])
            flow.messages.refused = None

    def _handle_whole(
        self, flow: Flow, content: bytes, spans: tuple[tuple[int, Seen], ...]
    ) -> bytes:
        """The messages that are whole, without joining anything; gives what is left."""
        offset, size = 0, len(content)
        while offset + 4 <= size:
            kind = content[offset]
            end = offset + 4 + int.from_bytes(content[offset + 1 : offset + 4], "big")
            if end > size or end - offset > MESSAGE_LIMIT:
                break
            if len(spans) > 1 and (offset or end < size):
                break
            if end < size and kind in _CHANGES_KEYS:
                # Nothing may follow it in its record: that is told elsewhere.
                break
            seen = spans[0][1] if len(spans) == 1 else join_seen(spans)
            self._try_message(flow, Message(kind=kind, body=content[offset + 4 : end], seen=seen))
            offset = end
        return content[offset:]

    def _try_message(self, flow: Flow, message: Message) -> None:
        try:
            self._handle_message(flow, message)
        except MessageError as error:
            self._state.report(
                flow.side, f"handshake message of type {message.kind}: {error}", message.seen
            )

    def handle_change_cipher_spec(self, flow: Flow, content: bytes, seen: Seen) -> None:
        """RFC 5246 section 7.1: what follows in this direction is protected."""
        if content != b"\1":
            self._state.report(
                flow.side, f"ChangeCipherSpec of {len(content)} bytes: {content[:8].hex()}", seen
            )
            return
        # RFC 8446 section D.4: middlebox compatibility; it changes nothing, also where it precedes the ServerHello.
        if self._state.hellos.is_tls13:
            return
        if (
            flow is self._state.server
            and len(self._state.hellos.server_hellos) == 1
            and not flow.has_hole
        ):
            # RFC 5246 section 7.3, RFC 5077 section 3.4: the abbreviated handshake goes on at once.
            self._state.facts.resumed = not self._is_full_handshake
        flow.changed = True
        if flow is self._state.client and not self._state.hellos.client_hellos:
            # The capture begins here: with TLS 1.2's protected Finished, or with the second ClientHello of TLS 1.3.
            flow.messages.gap()
            return
        self._state.switch(flow, "tls12", seen)

    def handle_alert(self, flow: Flow, content: bytes, seen: Seen) -> None:
        """RFC 8446 section 6; before TLS 1.3 several may share a record."""
        if not is_alert(content):
            self._state.report(flow.side, f"alert of {len(content)} bytes", seen)
            return
        for offset in range(0, len(content), 2):
            self._state.facts.see_alert(flow.side, content[offset], content[offset + 1], seen)

    def _handle_message(self, flow: Flow, message: Message) -> None:
        if self._exchange is not None and not self._state.hellos.is_tls13:
            self._follow_exchange(self._exchange, flow, message)
        if message.kind == _FINISHED:
            self._handle_finished(flow, message)
        elif message.kind == _KEY_UPDATE:
            if flow.epoch is None or flow.epoch.stage != "application":
                raise MessageError("KeyUpdate before Finished")
            self._state.use(flow, flow.epoch.build_updated(), message.seen)
        elif message.kind in (_CERTIFICATE, _COMPRESSED_CERTIFICATE):
            self._handle_certificate(flow, message)
        elif flow is self._state.client:
            self._handle_client_message(flow, message)
        else:
            self._handle_server_message(message)

    @staticmethod
    def _follow_exchange(exchange: KeyExchange, flow: Flow, message: Message) -> None:
        """Derive what the key log does not say (TLS 1.2 and before)."""
        if message.kind == _CLIENT_HELLO and flow.side == "client":
            hello, _ = decode_client_hello(message.body)
            if hello is not None:
                exchange.see_client_hello(hello)
        elif message.kind == _SERVER_HELLO and flow.side == "server":
            exchange.see_server_hello(parse_server_hello(message.body))
        exchange.see_message(flow.side, message.kind, message.body)

    def _handle_client_message(self, flow: Flow, message: Message) -> None:
        facts, hellos = self._state.facts, self._state.hellos
        if message.kind == _CLIENT_HELLO:
            client_hello, problem = decode_client_hello(message.body)
            if client_hello is not None:
                hellos.add_client_hello(client_hello)
                facts.see_client_hello(client_hello, message.seen)
            if problem is not None:
                raise MessageError(problem)
        elif message.kind == _CERTIFICATE_VERIFY:
            facts.certificate_verify = facts.certificate_verify or message.seen
        elif message.kind == _END_OF_EARLY_DATA:
            if flow.epoch is None or flow.epoch.stage != "early":
                raise MessageError("EndOfEarlyData without early data")
            facts.early_data = facts.early_data or "accepted"
            self._state.switch(flow, "handshake", message.seen)
        elif message.kind == _SERVER_HELLO:
            raise MessageError("ServerHello from the client")

    def _handle_server_message(self, message: Message) -> None:
        facts, hellos = self._state.facts, self._state.hellos
        if message.kind == _SERVER_HELLO:
            self._handle_server_hello(message)
        elif message.kind == _ENCRYPTED_EXTENSIONS:
            facts.alpn, is_accepted = parse_encrypted_extensions(message.body)
            if hellos.early_data_accepted is None:
                hellos.early_data_accepted = is_accepted
        elif message.kind == _CERTIFICATE_REQUEST:
            if facts.certificate_request is None:
                facts.certificate_request = message.seen
                facts.requested_authorities = find_authorities(
                    message.body, is_tls13=hellos.is_tls13
                )
        elif message.kind == _NEW_SESSION_TICKET:
            facts.see_ticket(find_ticket(message.body, is_tls13=hellos.is_tls13), message.seen)
        elif message.kind in _FULL_HANDSHAKE:
            self._is_full_handshake = True
        elif message.kind == _CLIENT_HELLO:
            raise MessageError("ClientHello from the server")

    def _handle_server_hello(self, message: Message) -> None:
        hellos = self._state.hellos
        server_hello = parse_server_hello(message.body)
        hellos.add_server_hello(server_hello)
        self._state.facts.see_server_hello(server_hello, message.seen)
        if not server_hello.is_tls13:
            return
        if server_hello.is_retry:
            # Early data may follow; with the second ClientHello the client is in the clear again.
            return
        self._state.switch(self._state.server, "handshake", message.seen)
        client = self._state.client
        early = None
        if hellos.offers_early_data and client.sealed is None:
            early = hellos.find_epoch("client", "early")
        if early is not None:
            self._state.use(client, early, message.seen)
        elif client.sealed is None:
            self._state.switch(client, "handshake", message.seen)

    def _handle_certificate(self, flow: Flow, message: Message) -> None:
        if flow is self._state.server:
            self._is_full_handshake = True
        body = message.body
        if message.kind == _COMPRESSED_CERTIFICATE:
            body = parse_compressed_certificate(body, limit=MESSAGE_LIMIT)
        chain = parse_certificate_list(body, is_tls13=self._state.hellos.is_tls13)
        self._state.facts.see_certificates(flow.side, chain, message.seen)

    def _handle_finished(self, flow: Flow, message: Message) -> None:
        if flow.epoch is None:
            raise MessageError("Finished in the clear")
        if flow.epoch.stage == "early":
            raise MessageError("Finished before EndOfEarlyData")
        self._state.facts.see_finished(flow.side, message.seen)
        if flow.epoch.stage == "handshake":
            self._state.switch(flow, "application", message.seen)
