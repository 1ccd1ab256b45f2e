"""One tlslite-ng connection on a memory socket: certificates judged as they arrive, half-close, secrets tapped.

Sans-I/O: bytes go in through `MemorySocket.incoming` and come out of `MemorySocket.outgoing`. Its
methods are tlslite-ng's generators, which yield 0 when they need more bytes.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from tlslite import tlsrecordlayer
from tlslite.constants import AlertLevel, ContentType, ExtensionType, HandshakeType
from tlslite.extensions import TLSExtension
from tlslite.handshakehelpers import HandshakeHelpers
from tlslite.messages import (
    Alert,
    ApplicationData,
    Certificate,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    KeyUpdate,
    NewSessionTicket,
)
from tlslite.utils.codec import Parser
from tlslite.utils.cryptomath import getRandomBytes

from harness.world.tls import key_tap
from harness.world.tls.alert import AlertDescription
from harness.world.tls.hello_form import RANDOM_BYTES, HelloForm, keep_form
from harness.world.tls.identity import VerificationError, Verify
from harness.world.tls.resumption import SavedSession, SessionStore, read_chain, save_session
from harness.world.tls.short_way import ShortWay

TLS10 = (3, 1)
TLS11 = (3, 2)
TLS12 = (3, 3)
TLS13 = (3, 4)

_AUTHORITIES = 47
"""RFC 8446 section 4.2.4, which tlslite-ng does not know."""

ShapeHello = Callable[[Any], None]
"""Rewrites a tlslite-ng ClientHello in place, before it is hashed and sent."""


class MemorySocket:
    """What tlslite-ng takes for a socket: two buffers, never blocking a writer."""

    def __init__(self) -> None:
        """Start empty."""
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.is_at_eof = False

    def recv(self, limit: int) -> bytes:
        """Take from `incoming`.

        Raises:
            BlockingIOError: it is empty and the stream has not ended.
        """
        if self.incoming:
            data = bytes(self.incoming[:limit])
            del self.incoming[:limit]
            return data
        if self.is_at_eof:
            return b""
        raise BlockingIOError(errno.EWOULDBLOCK, "no bytes yet")

    def send(self, data: bytes) -> int:
        """Add to `outgoing`."""
        self.outgoing += data
        return len(data)

    def sendall(self, data: bytes) -> None:
        """Add to `outgoing`."""
        self.outgoing += data

    def close(self) -> None:
        """Do nothing: the stream below belongs to the TlsStream."""


class _CloseNotifyError(Exception):
    """The peer sends no more data; caught by `receive`."""


class Connection(ShortWay):
    """A TLSConnection that judges certificates on arrival and still writes after a close_notify."""

    _LATER: tuple[int, ...] = (HandshakeType.new_session_ticket, HandshakeType.key_update)
    """Handshake messages that TLS 1.3 allows after the handshake."""
    _HAS_FORM = True
    """Whether its hellos are alike; a class that adds to them says no."""

    def __init__(
        self,
        *,
        verify: Verify | None,
        is_certificate_required: bool,
        shape_hello: ShapeHello | None,
        sink: key_tap.Sink,
        store: SessionStore | None = None,
        saved: SavedSession | None = None,
        issuers: tuple[bytes, ...] = (),
        authorities: tuple[bytes, ...] = (),
    ) -> None:
        """Set up one end.

        Args:
            verify: judges the peer's chain, None accepts any.
            is_certificate_required: refuse a client that sends no certificate (servers).
            shape_hello: rewrites the ClientHello (clients).
            sink: receives the secrets.
            store: the sessions that may be resumed (servers).
            saved: the session to resume (clients).
            issuers: names (DER) of those who issued the certificates of its chain (clients).
            authorities: names (DER) of whose certificates are asked for; (): of anybody's (servers).
        """
        self.memory = MemorySocket()
        super().__init__(self.memory)
        self.closeSocket = False
        self.peer_chain: tuple[bytes, ...] = ()
        self.client_random = b""
        self.callback_failure: Exception | None = None
        self._verify = verify
        self._is_certificate_required = is_certificate_required
        self._shape_hello = shape_hello
        self._store = store
        self.offered: Any = None if saved is None else saved.offer()
        self._has_shown_certificate = False
        self._issuers = issuers
        self._authorities = authorities
        self._is_wanted = True
        key_tap.attach(self._recordLayer, client_random=lambda: self.client_random, sink=sink)

    @property
    def saved(self) -> SavedSession | None:
        """What a client can resume later; TLS 1.3 gives it out after the handshake, with the first data."""
        return save_session(self.session)

    def receive(self) -> Iterator[int | bytes]:
        """Yield 0 while bytes are missing, then the data of one record, or b"" at the peer's close_notify."""
        allowed: tuple[int, ...] = (ContentType.application_data,)
        handshakes = None
        if self.version > TLS12:
            allowed += (ContentType.handshake,)
            handshakes = self._LATER
        while True:
            message = None
            try:
                for message in self._getMsg(allowed, handshakes):
                    if message in (0, 1):
                        yield 0
            except _CloseNotifyError:
                yield b""
                return
            if isinstance(message, ApplicationData):
                yield bytes(message.write())
                return
            for _ in self._handle_later(message):
                yield 0

    def _handle_later(self, message: Any) -> Iterator[int]:
        """Act on a message of TLS 1.3 that comes after the handshake."""
        if isinstance(message, NewSessionTicket):
            # tlslite-ng's clock, which stands still in a simulation.
            message.time = tlsrecordlayer.time.time()
            self.tickets.append(message)
        elif isinstance(message, KeyUpdate):
            yield from self._handle_keyupdate_request(message)

    def send_close_notify(self) -> Iterator[int]:
        """Tell the peer that no more data comes; receiving goes on (RFC 8446 section 6.1)."""
        yield from self._sendMsg(Alert().create(AlertDescription.CLOSE_NOTIFY, AlertLevel.warning))

    def _getNextRecord(self) -> Iterator[Any]:
        # tlslite-ng answers a close_notify by closing both directions; here the peer's end of data is only that.
        for result in super()._getNextRecord():
            if result not in (0, 1) and not self.closed and _is_close_notify(result):
                raise _CloseNotifyError
            yield result

    def _examine(self, message: Any) -> Iterable[Any]:
        if isinstance(message, ClientHello):
            self.client_random = bytes(message.random)
        elif isinstance(message, Certificate):
            return chain(self._judge(message), (message,))
        elif isinstance(message, CertificateRequest):
            self._is_wanted = self._has_certificate_of(find_authorities(message))
        return (message,)

    def _has_certificate_of(self, authorities: tuple[bytes, ...]) -> bool:
        """Whether this client may show what it has: anything to who names nobody (RFC 8446 section 4.4.2.3)."""
        return not authorities or bool({*self._issuers} & {*authorities})

    def _judge(self, message: Any) -> Iterator[int]:
        self.peer_chain = read_chain(message.cert_chain)
        if not self.peer_chain:
            if self._is_certificate_required:
                # RFC 8446 section 4.4.2.4; RFC 5246 section 7.4.6.
                is_new = self.version > TLS12
                alert = (
                    AlertDescription.CERTIFICATE_REQUIRED
                    if is_new
                    else AlertDescription.HANDSHAKE_FAILURE
                )
                yield from self._sendError(alert, "the client sent no certificate")
            return
        if self._verify is None:
            return
        try:
            self._verify(self.peer_chain)
        except VerificationError as error:
            if self._client and self.version > TLS12:
                # RFC 8446 section 6: alerts are protected as soon as keys exist; tlslite-ng
                # would switch to them later.
                self._changeWriteState()
            yield from self._sendError(error.alert, str(error))
        except Exception as error:
            self.callback_failure = error
            raise

    def _tryDecrypt(self, settings: Any, identity: Any = None, ticket: Any = None) -> Any:
        match, payload = super()._tryDecrypt(settings, identity, ticket)
        if payload is None or self._store is None or not self._store.admits_ticket(payload):
            return None, None
        return match, payload

    def _serverSendTickets(self, settings: Any) -> Iterator[int]:
        if self._store is not None:
            is_old = self.version < TLS13
            session = self.session
            self._store.note_ticket(
                session.masterSecret if is_old else session.resumptionMasterSecret
            )
        yield from super()._serverSendTickets(settings)

    def _clientResume(self, session: Any, serverHello: Any, *details: Any) -> Iterator[Any]:
        # RFC 5077 section 3.4: only the echoed id says that a ticket was taken; tlslite-ng 0.8.2 takes it for granted.
        if session is not None and serverHello.session_id != session.sessionID:
            session = None
        yield from super()._clientResume(session, serverHello, *details)

    def _handshakeDone(self, resumed: Any) -> None:
        if not self._client:
            # tlslite-ng does not say so in TLS 1.3; and the client's chain is that of the resumed session.
            resumed = resumed or not self._has_shown_certificate
            if resumed:
                self.peer_chain = read_chain(self.session.clientCertChain)
        super()._handshakeDone(resumed)

    def _sendMsg(self, msg: Any, *details: Any, **named: Any) -> Iterable[int]:
        self._note_certificates(msg)
        if not self._is_wanted and isinstance(msg, CertificateVerify):
            return ()  # There is nothing to prove.
        if not self._is_wanted and isinstance(msg, Certificate):
            msg = self._make_empty(msg)
        if not isinstance(msg, ClientHello) or self.client_random:
            return super()._sendMsg(msg, *details, **named)
        return self._send_first_hello(msg)

    def _send_first_hello(self, msg: Any) -> Iterator[int]:
        self.client_random = bytes(msg.random)
        self._prepare(msg)
        self._bind(msg)
        yield from self._send_shaped(msg)

    def _send_shaped(self, msg: Any) -> Iterator[int]:
        if self._shape_hello is None:
            yield from super()._sendMsg(msg)
            return
        # RFC 8446 section 5.1, and what BoringSSL does for 1.2 too: the first record names TLS 1.0.
        self.version, newest = TLS10, self.version
        yield from super()._sendMsg(msg)
        self.version = newest

    def _make_empty(self, certificate: Any) -> Any:
        """The Certificate message of a client that has none of those asked for."""
        return Certificate(certificate.certificateType, self.version).create(None, bytearray())

    def _clientSendClientHello(self, settings: Any, session: Any, *details: Any) -> Iterator[Any]:
        _, _, pair, _, name, _, _, protocols = details
        key = name, tuple(map(bytes, protocols)), pair[1] is not None, self._shape_hello
        forms = getattr(settings, "forms", None) if self._HAS_FORM and session is None else None
        form = None if forms is None else forms.get(key)
        if form is not None:
            yield from self._send_like(form)
            return
        for result in super()._clientSendClientHello(settings, session, *details):
            if forms is not None and isinstance(result, ClientHello):
                keep_form(forms, key, result)
            yield result

    def _send_like(self, form: HelloForm) -> Iterator[Any]:
        """Send a hello of a form; its random parts are made in tlslite-ng's order."""
        session_id = getRandomBytes(RANDOM_BYTES)
        entry = self._genKeyShareEntry(form.group, TLS13)
        hello = form.fill(random=getRandomBytes(RANDOM_BYTES), session_id=session_id, entry=entry)
        self.client_random = bytes(hello.random)
        yield from self._send_shaped(hello)
        # From here on it may change: a server can ask for another one (RFC 8446 section 4.1.4).
        del hello.write
        yield hello

    def _prepare(self, hello: Any) -> None:
        """Rewrite the ClientHello before it is sent."""
        # `receive` answers no later request for a certificate, so none is invited.
        hello.extensions = [
            each for each in hello.extensions if each.extType != ExtensionType.post_handshake_auth
        ]
        if self._shape_hello is not None:
            self._shape_hello(hello)

    def _bind(self, hello: Any) -> None:
        """Say again that the client knows the secret of the session that it offers: the hello was rewritten."""
        if hello.getExtension(ExtensionType.pre_shared_key) is not None:
            HandshakeHelpers.update_binders(
                hello,
                self._handshake_hash,
                (),
                self.offered.tickets,
                self.offered.resumptionMasterSecret,
            )

    def _queue_message(self, msg: Any) -> None:
        self._note_certificates(msg)
        super()._queue_message(msg)

    def _note_certificates(self, msg: Any) -> None:
        self._has_shown_certificate |= isinstance(msg, Certificate)
        if isinstance(msg, CertificateRequest) and self.version > TLS12:
            # With compression off, tlslite-ng 0.8.2 still names it, with an empty list, which
            # RFC 8879 section 3 forbids.
            msg.extensions = [
                each
                for each in msg.extensions
                if each.extType != ExtensionType.compress_certificate
            ]
            if self._authorities:
                listed = b"".join(len(n).to_bytes(2, "big") + n for n in self._authorities)
                data = bytearray(len(listed).to_bytes(2, "big") + listed)
                msg.extensions.append(TLSExtension(extType=_AUTHORITIES).create(_AUTHORITIES, data))
        elif isinstance(msg, CertificateRequest) and self._authorities:
            msg.certificate_authorities = [bytearray(name) for name in self._authorities]


def find_authorities(request: Any) -> tuple[bytes, ...]:
    """Whose certificates a CertificateRequest asks for, by name (DER); (): anybody's."""
    extension = request.getExtension(_AUTHORITIES) if request.extensions else None
    if extension is None:
        return tuple(bytes(name) for name in request.certificate_authorities or ())
    parser = Parser(Parser(bytearray(extension.extData)).getVarBytes(2))
    found = []
    while parser.getRemainingLength():
        found.append(bytes(parser.getVarBytes(2)))
    return tuple(found)


def _is_close_notify(result: Any) -> bool:
    header, parser = result
    body = parser.bytes
    return (
        header.type == ContentType.alert
        and len(body) == 2
        and body[1] == AlertDescription.CLOSE_NOTIFY
    )
