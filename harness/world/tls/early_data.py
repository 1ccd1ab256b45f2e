"""Early data: what a client sends with its first message, under the secret of an earlier session (0-RTT, F71).

RFC 8446 sections 2.3 and 4.2.10. Anybody can send these bytes again, and a server that acts on them acts twice. A
server without this defect passes over them (tlslite-ng does), and the client sends them again when it may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tlslite.constants import ContentType, ExtensionType, HandshakeType
from tlslite.errors import TLSRemoteAlert
from tlslite.extensions import TLSExtension
from tlslite.handshakehelpers import HandshakeHelpers
from tlslite.messages import (
    Alert,
    ApplicationData,
    ChangeCipherSpec,
    ClientHello,
    EncryptedExtensions,
    Finished,
    Message,
    NewSessionTicket,
    ServerHello,
)
from tlslite.recordlayer import RecordLayer
from tlslite.utils.constanttime import ct_compare_digest

from harness.world.tls.connection import TLS13, Connection
from harness.world.tls.key_schedule import compute_hmac, derive_secret, expand_label
from harness.world.tls.resumption import read_chain

EARLY_DATA_LIMIT = 1 << 14
"""Bytes that tickets invite."""
_END_OF_EARLY_DATA = bytes((HandshakeType.end_of_early_data, 0, 0, 0))
"""RFC 8446 section 4.5."""
_HASH_BYTES = {"sha256": 32, "sha384": 48}


class EarlyDataConnection(Connection):
    """A client that sends early data, or a server that acts on it."""

    _HAS_FORM = False

    def __init__(self, *, early: bytes = b"", **given: Any) -> None:
        """Set up one end.

        Args:
            early: what a client sends early; servers have none.
            given: as for `Connection`.
        """
        self._sink = given["sink"]
        self._client_secret = b""
        super().__init__(**{**given, "sink": self._note_secret})
        self.early = early
        """A client: what is to be sent early. A server: what came early and was not read yet."""
        self.is_accepted = False
        """The server took the early data."""
        self.first_flight = b""
        """Everything that a client sent before it heard anything: what an eavesdropper can send again."""
        self.rest: Iterator[Any] | None = None
        """A server that acts on early data: the handshake as far as it is still to come."""
        self._hello: Any = None
        self._suite = 0
        self._psk: bytes = b""
        self._algorithm = "sha256"
        self._handshake_state: Any = None

    def until_early(self, handshake: Iterator[Any]) -> Iterator[Any]:
        """A server's handshake, as far as early data or to its end."""
        self.rest = handshake
        for step in handshake:
            if self.early:
                yield self.early
                return
            yield step
        self.rest = None

    def receive(self) -> Iterator[int | bytes]:
        """As `Connection`; a server has early data first, and then the rest of its handshake."""
        if self.early and not self._client:
            data, self.early = self.early, b""
            yield data
            return
        if self.rest is not None:
            for _ in self.rest:
                yield 0
            self.rest = None
        yield from super().receive()

    def writeAsync(self, s: Any) -> Iterator[int]:
        """As tlslite-ng's; a server may answer before the client's Finished (RFC 8446 section 2.3)."""
        if self.rest is not None:
            yield from self._sendMsg(ApplicationData().create(bytearray(s)))
        else:
            yield from super().writeAsync(s)

    def _note_secret(self, client_random: bytes, label: str, secret: bytes) -> None:
        if label == "CLIENT_HANDSHAKE_TRAFFIC_SECRET":
            self._client_secret = secret
        self._sink(client_random, label, secret)

    def _prepare(self, hello: Any) -> None:
        super()._prepare(hello)
        if self.early and hello.getExtension(ExtensionType.pre_shared_key) is not None:
            offer = TLSExtension(extType=ExtensionType.early_data).create(bytearray())
            hello.extensions.insert(-1, offer)

    def _sendMsg(self, msg: Any, *details: Any, **named: Any) -> Iterator[int]:
        is_first = isinstance(msg, ClientHello) and not self.client_random
        if isinstance(msg, ServerHello):
            self._suite = msg.cipher_suite
        yield from super()._sendMsg(msg, *details, **named)
        if is_first and msg.getExtension(ExtensionType.early_data) is not None:
            yield from self._send_early(msg)

    def _send_early(self, hello: Any) -> Iterator[int]:
        # RFC 8446 section D.4: the place of ChangeCipherSpec, where early data follows.
        self._ccs_sent = True
        yield from super()._sendMsg(ChangeCipherSpec().create())
        (identity,) = hello.getExtension(ExtensionType.pre_shared_key).identities
        self._suite = self.offered.cipherSuite
        self._algorithm = self._getPRFParams(self._suite)[0]
        self._psk = bytes(
            HandshakeHelpers.calc_res_binder_psk(
                identity, self.offered.resumptionMasterSecret, self.offered.tickets
            )
        )
        self._derive_early(self._handshake_hash)
        self._recordLayer.changeWriteState()
        before, self.version = self.version, TLS13
        yield from super()._sendMsg(ApplicationData().create(bytearray(self.early)))
        self.version = before
        self.first_flight = bytes(self.memory.outgoing)

    def _derive_early(self, transcript: Any) -> None:
        """Make the states of early data the pending ones (RFC 8446 section 7.1)."""
        early = compute_hmac(bytes(_HASH_BYTES[self._algorithm]), self._psk, self._algorithm)
        secret = derive_secret(early, b"c e traffic", transcript, self._algorithm)
        self._sink(self.client_random, "CLIENT_EARLY_TRAFFIC_SECRET", bytes(secret))
        # Past the key tap, which knows the other two pairs.
        RecordLayer.calcTLS1_3PendingState(self._recordLayer, self._suite, secret, secret, None)

    def _changeWriteState(self) -> None:
        if self._client and self.is_accepted and self.early:
            self.early = b""
            end = Message(ContentType.handshake, bytearray(_END_OF_EARLY_DATA))
            for _ in self._sendMsg(end):  # A memory socket takes everything.
                pass
        super()._changeWriteState()

    def _tryDecrypt(self, settings: Any, identity: Any = None, ticket: Any = None) -> Any:
        match, payload = super()._tryDecrypt(settings, identity, ticket)
        if match is not None:
            self._psk, self._algorithm = bytes(match[1]), match[2]
            # The early request is answered before the handshake is done.
            self.peer_chain = read_chain(payload.client_cert_chain)
        return match, payload

    def _queue_message(self, msg: Any) -> None:
        if isinstance(msg, NewSessionTicket):
            size = bytearray(EARLY_DATA_LIMIT.to_bytes(4, "big"))
            msg.extensions = [TLSExtension(extType=ExtensionType.early_data).create(size)]
        elif isinstance(msg, EncryptedExtensions) and self._psk and self._hello is not None:
            self.is_accepted = True
            self._recordLayer.early_data_ok = False
            accept = TLSExtension(extType=ExtensionType.early_data).create(bytearray())
            msg.extensions = [*msg.extensions, accept]
        super()._queue_message(msg)

    def _changeReadState(self) -> None:
        super()._changeReadState()
        if not self._client and self.is_accepted and self._handshake_state is None:
            layer = self._recordLayer
            self._handshake_state = layer._readState
            self._derive_early(self._hello)
            layer.changeReadState()

    def _getMsg(
        self, expectedType: Any, secondaryType: Any = None, constructorType: Any = None
    ) -> Iterable[Any]:
        is_end = secondaryType == HandshakeType.finished and self._handshake_state is not None
        if is_end and not self._client:
            return self._get_finished(expectedType, secondaryType, constructorType)
        return super()._getMsg(expectedType, secondaryType, constructorType)

    def _examine(self, message: Any) -> Iterable[Any]:
        if isinstance(message, ClientHello) and message.getExtension(ExtensionType.early_data):
            self._hello = self._handshake_hash.copy()
        elif isinstance(message, EncryptedExtensions) and self._client:
            self.is_accepted = message.getExtension(ExtensionType.early_data) is not None
        return super()._examine(message)

    def _get_finished(self, *expected: Any) -> Iterator[Any]:
        """Early data to its end, then the client's Finished.

        tlslite-ng has worked out already what Finished must say, without the message that ends early data; where
        Finished is right with it, it is given what it waits for.
        """
        foreseen = self._verify_data()
        yield from self._read_early()
        self._recordLayer._readState = self._handshake_state
        right = self._verify_data()
        for result in super()._getMsg(*expected):
            if isinstance(result, Finished) and ct_compare_digest(result.verify_data, right):
                result.verify_data = foreseen
            yield result

    def _read_early(self) -> Iterator[int]:
        while True:
            for result in self._getNextRecord():
                if result in (0, 1):
                    yield 0
                else:
                    break
            header, parser = result
            if header.type == ContentType.application_data:
                self.early += bytes(parser.bytes)
                yield 0
            elif header.type == ContentType.alert:
                raise TLSRemoteAlert(Alert().parse(parser))
            elif header.type == ContentType.handshake:
                self._handshake_hash.update(parser.bytes)
                return

    def _verify_data(self) -> bytearray:
        """RFC 8446 section 4.4.4."""
        size = _HASH_BYTES[self._algorithm]
        key = expand_label(self._client_secret, b"finished", b"", size, self._algorithm)
        return compute_hmac(key, self._handshake_hash.digest(self._algorithm), self._algorithm)
