"""Resumption: the sessions that a client keeps, and those that a server takes up again without a certificate.

TLS 1.2 names a session by its id (RFC 5246 section 7.3) or by a ticket (RFC 5077), TLS 1.3 by a ticket alone (RFC 8446
section 2.2). A ticket holds what the server remembers of the session, the client's chain among it, encrypted with a
key of the server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tlslite.session import Session
from tlslite.utils.cryptomath import getRandomBytes

TICKET_KEY_BYTES = 32
"""AES-256, tlslite-ng's choice for tickets."""
LIFETIME_S = 7200
"""How long a ticket or id is good: OpenSSL's default for TLS 1.3."""
SESSION_LIMIT = 1024
"""Sessions that one server remembers; the oldest go first."""

Kind = Literal["tickets", "session_ids"]
Admit = Callable[[tuple[bytes, ...]], bool]
"""Whether a session may be resumed for a client that once proved this chain (DER, leaf first; () for none)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSession:
    """What a client keeps of a session."""

    state: Any = field(repr=False)
    """tlslite-ng's."""

    def offer(self) -> Any:
        """The session for one more connection, in tlslite-ng's form."""
        session = self.state._clone()
        if session.tls_1_0_tickets and not session.sessionID:
            # RFC 5077 section 3.4: a server that takes the ticket echoes this id.
            session.sessionID = getRandomBytes(32)
        return session


def save_session(session: Any) -> SavedSession | None:
    """What can be kept of a connection's session; None where the server gave nothing to resume it with."""
    if session is None or not session.valid():
        return None
    kept = session._clone()
    # tlslite-ng goes on filling the lists of the connection.
    kept.tickets = list(session.tickets or ())
    kept.tls_1_0_tickets = list(session.tls_1_0_tickets or ())
    return SavedSession(state=kept)


class SessionStore:
    """What one server resumes: it is asked anew for each connection, by whose certificate the session stands."""

    def __init__(
        self,
        kind: Kind,
        *,
        key: bytes,
        admit: Admit,
        now_ns: Callable[[], int],
        is_endless: bool = False,
    ) -> None:
        """Start empty.

        Args:
            kind: by what clients name their sessions.
            key: encrypts tickets, TICKET_KEY_BYTES long.
            admit: the judge of the chain behind a session.
            now_ns: the server's clock.
            is_endless: it forgets to look how old a session is.
        """
        self.kind = kind
        self.key = key
        self._admit = admit
        self._now_ns = now_ns
        self._is_endless = is_endless
        self._by_id: dict[bytes, tuple[int, Session]] = {}
        self._tickets: dict[bytes, int] = {}

    def note_ticket(self, secret: bytes) -> None:
        """Note when a ticket was given out for the session with this (resumption) master secret."""
        _put(self._tickets, bytes(secret), self._now_ns())

    def admits_ticket(self, payload: Any) -> bool:
        """Whether a session may be resumed by what its ticket holds; one of nobody's is as old as it likes."""
        since_ns = self._tickets.get(bytes(payload.master_secret), self._now_ns())
        return self._is_young(since_ns) and self._admit(read_chain(payload.client_cert_chain))

    def __setitem__(self, session_id: bytes, session: Any) -> None:
        """tlslite-ng puts a new session in."""
        _put(self._by_id, bytes(session_id), (self._now_ns(), session))

    def __getitem__(self, session_id: bytes) -> Any:
        """tlslite-ng asks for the session to resume.

        Raises:
            KeyError: there is none, or not any more.
        """
        since_ns, session = self._by_id[bytes(session_id)]
        is_good = session.resumable and self._is_young(since_ns)
        if not is_good or not self._admit(read_chain(session.clientCertChain)):
            raise KeyError(bytes(session_id))
        return session

    def _is_young(self, since_ns: int) -> bool:
        return self._is_endless or self._now_ns() <= since_ns + LIFETIME_S * 1_000_000_000


def read_chain(chain: Any) -> tuple[bytes, ...]:
    """A chain of tlslite-ng as DER, leaf first."""
    return tuple(bytes(one.bytes) for one in chain.x509List) if chain else ()


def _put(store: dict[bytes, Any], key: bytes, value: Any) -> None:
    store[key] = value
    if len(store) > SESSION_LIMIT:
        del store[next(iter(store))]
