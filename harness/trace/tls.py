"""One TLS session of a connection: what its handshake showed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.trace.certificate import Certificate
from harness.trace.seen import Seen as Seen
from harness.trace.seen import Side as Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """RFC 8446 section 6."""

    sender: Side
    level: int
    description: int
    """AlertDescription code point; 0 is close_notify."""
    name: str
    """As the IANA registry spells it; `alert 213` for an unknown one."""
    seen: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket that a server gave out (RFC 8446 section 4.6.1, RFC 5077 section 3.3)."""

    sha256: str
    """Lower-case hex of the ticket."""
    lifetime_s: int = 0
    """How long it may be used, as the server says. TLS 1.3: 0 is not at all; before, 0 says nothing."""
    given_ns: int = 0
    """Time of the packet that completed the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSession:
    """The handshake and what follows from it. None always means: not seen."""

    client_hello: Seen | None = None
    client_random: bytes | None = None
    session_id: bytes = b""
    """Of the ClientHello: before TLS 1.3 the session that the client wants to resume."""
    issued_session_id: bytes = b""
    """Of the ServerHello: before TLS 1.3 the name of this session."""
    sni: str | None = None
    alpn_offered: tuple[str, ...] = ()
    server_hello: Seen | None = None
    server_random: bytes | None = None
    version: int | None = None
    """The negotiated one: 0x0303 is TLS 1.2, 0x0304 is TLS 1.3."""
    cipher_suite: int | None = None
    cipher_suite_name: str | None = None
    """As the IANA registry spells it; `0xc050` for one that is not in our table."""
    alpn: str | None = None
    resumed: bool = False
    tickets: tuple[Ticket, ...] = ()
    """Those that the server gave out (TLS 1.3: seen with keys alone)."""
    later_client_randoms: tuple[bytes, ...] = ()
    """Of ClientHellos that begin another handshake on the connection: renegotiation (RFC 5246 section 7.4.1.2)."""
    resumed_ticket: str | None = None
    """SHA-256 of the ticket with which the session was resumed."""
    early_data: Literal["accepted", "rejected"] | None = None
    """0-RTT records were seen, and what the server did with them (rejected ones are no application data)."""
    certificate_request: Seen | None = None
    requested_authorities: tuple[bytes, ...] = ()
    """The distinguished names (DER) of which the server wants a client certificate; (): of anybody, or not seen."""
    server_certificates: tuple[Certificate, ...] = ()
    """Leaf first."""
    client_certificate: Seen | None = None
    """The client's Certificate message, also when it is empty."""
    client_certificates: tuple[Certificate, ...] = ()
    is_certificate_late: bool = False
    """The client's first Certificate message stands behind its Finished in the stream: it was asked for later."""
    later_client_certificates: tuple[tuple[Certificate, ...], ...] = ()
    """Chains that the client showed after the first one: renegotiation, post-handshake authentication (F72, F73)."""
    certificate_verify: Seen | None = None
    """The client's proof of possession."""
    client_finished: Seen | None = None
    server_finished: Seen | None = None
    """TLS 1.2 without keys: the record that follows ChangeCipherSpec stands for Finished."""
    client_application_data: Seen | None = None
    """The first record of application data, decrypted or (TLS 1.2) known by its type."""
    server_application_data: Seen | None = None
    alerts: tuple[Alert, ...] = ()
    decrypted: Literal["yes", "partly", "no"] = "no"
    """`yes`: no protected record stayed closed and no byte is missing (also where all was in the clear)."""
    undecrypted: str | None = None
    """Why not: `no secret for this client random`, `suite 0xc072 is not supported`, `hole of 1448 bytes`."""
    client_plaintext_size: int = 0
    server_plaintext_size: int = 0
    client_plaintext_sha256: str | None = None
    """Over the decrypted application data; None where some of this side's stayed closed or was not seen."""
    server_plaintext_sha256: str | None = None

    @property
    def established(self) -> bool:
        """Both sides finished the handshake."""
        return self.client_finished is not None and self.server_finished is not None
