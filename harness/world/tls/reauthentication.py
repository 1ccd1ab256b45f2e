"""Reauthentication: a client shows another certificate on a connection for which it proved one already (F72, F73).

TLS 1.2 does it by a second handshake inside the first one's protection (renegotiation, RFC 5246 section 7.4.1.1, bound
to the first one as RFC 5746 says), TLS 1.3 by a CertificateRequest after the handshake (RFC 8446 section 4.6.2).
tlslite-ng refuses the first; only hostile clients and servers with that defect use either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tlslite.constants import (
    CertificateType,
    CipherSuite,
    ContentType,
    ExtensionType,
    HandshakeType,
)
from tlslite.extensions import RenegotiationInfoExtension, TLSExtension
from tlslite.messages import (
    ApplicationData,
    CertificateRequest,
    ClientHello,
    Finished,
    ServerHello,
)

from harness.world.tls.connection import TLS12, Connection

Handshake = Callable[[], Iterator[Any]]
"""Starts one of tlslite-ng's handshakes, with everything that it is about."""


class _HelloAgainError(Exception):
    """The client wants to renegotiate; caught by `receive`."""


class ReauthenticatingConnection(Connection):
    """A connection whose client may show a second certificate, or whose server asks for one."""

    _LATER = (*Connection._LATER, HandshakeType.certificate_request)
    _TAKES_RECORDS = False
    _HAS_FORM = False

    def __init__(self, **given: Any) -> None:
        """Set up one end, as `Connection`."""
        super().__init__(**given)
        self.again: Handshake | None = None
        """The second handshake of TLS 1.2."""
        self.later_pair: tuple[Any, Any] | None = None
        """Chain and key that a client shows when it is asked again (TLS 1.3)."""
        self._is_renegotiating = False
        self._hello: Any = None
        self._proofs: dict[bool, bytearray] = {}
        """The verify_data of the last Finished of each end, by whether it is the client's."""
        self._early = bytearray()

    @property
    def can_ask_again(self) -> bool:
        """Whether the client invited a later CertificateRequest."""
        return self.version > TLS12 and bool(self._pha_supported)

    def renegotiate(self) -> Iterator[Any]:
        """Do a second handshake inside this one (TLS 1.2)."""
        assert self.again is not None
        self._is_renegotiating = True
        yield from self.again()

    def ask_again(self, settings: Any) -> Iterator[int]:
        """Ask the client for a certificate and wait for it (TLS 1.3); what it sends before is kept for `receive`."""
        for _ in self.request_post_handshake_auth(settings):
            yield 0
        message = None
        while self._cert_requests:
            allowed = (ContentType.application_data, ContentType.handshake)
            for message in self._getMsg(allowed, HandshakeType.certificate, CertificateType.x509):
                if message in (0, 1):
                    yield 0
            if isinstance(message, ApplicationData):
                self._early += message.write()
            else:
                for _ in self._handle_srv_pha(message):
                    yield 0

    def receive(self) -> Iterator[int | bytes]:
        """As `Connection`; a second ClientHello starts the handshake anew."""
        if self._early:
            data, self._early = bytes(self._early), bytearray()
            yield data
            return
        while True:
            try:
                yield from super().receive()
            except _HelloAgainError:
                for _ in self.renegotiate():
                    yield 0
            else:
                return

    def _handle_later(self, message: Any) -> Iterator[int]:
        if isinstance(message, CertificateRequest):
            self._client_keypair = self.later_pair
            yield from self._handle_pha(message)
        else:
            yield from super()._handle_later(message)

    def _prepare(self, hello: Any) -> None:
        super()._prepare(hello)
        if self.later_pair is not None and hello.getExtension(ExtensionType.supported_versions):
            invitation = TLSExtension(extType=ExtensionType.post_handshake_auth)
            hello.extensions.insert(0, invitation.create(bytearray()))

    def _handshakeStart(self, client: Any) -> None:
        if self._is_renegotiating:
            self.closed = True
        super()._handshakeStart(client)

    def _getNextRecord(self) -> Iterator[Any]:
        if self._hello is not None:
            result, self._hello = self._hello, None
            yield result
            return
        for result in super()._getNextRecord():
            if result not in (0, 1) and not self.closed and self._is_hello_again(result):
                self._hello = result
                raise _HelloAgainError
            yield result

    def _is_hello_again(self, result: Any) -> bool:
        header, parser = result
        return (
            self.again is not None
            and self.version == TLS12
            and header.type == ContentType.handshake
            and parser.bytes[:1] == bytes((HandshakeType.client_hello,))
        )

    def _examine(self, message: Any) -> Iterable[Any]:
        if isinstance(message, Finished):
            self._proofs[not self._client] = message.verify_data
        elif isinstance(message, ClientHello) and self._is_renegotiating:
            # tlslite-ng knows first handshakes alone; that this one belongs to the first is seen here.
            info = message.getExtension(ExtensionType.renegotiation_info)
            if info is not None and info.renegotiated_connection == self._proofs[True]:
                info.renegotiated_connection = bytearray()
        return super()._examine(message)

    def _sendMsg(self, msg: Any, *details: Any, **named: Any) -> Iterable[int]:
        if isinstance(msg, Finished):
            self._proofs[self._client] = msg.verify_data
        elif self._is_renegotiating and isinstance(msg, ClientHello):
            scsv = CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV
            msg.cipher_suites = [suite for suite in msg.cipher_suites if suite != scsv]
            _bind(msg, self._proofs[True])
        elif self._is_renegotiating and isinstance(msg, ServerHello):
            _bind(msg, self._proofs[True] + self._proofs[False])
        return super()._sendMsg(msg, *details, **named)


def _bind(hello: Any, proofs: bytearray) -> None:
    """RFC 5746 section 3: name the handshake inside which this one takes place."""
    others = [e for e in hello.extensions or () if e.extType != ExtensionType.renegotiation_info]
    hello.extensions = [*others, RenegotiationInfoExtension().create(proofs)]
