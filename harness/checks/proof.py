"""Proof: whether a TLS session of a device proved a client certificate, in its own handshake or by resumption."""

from __future__ import annotations

from collections import defaultdict
from enum import Enum

from harness.checks.legs import Legs
from harness.net.address import Endpoint
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection
from harness.trace.tls import TlsSession


class Proof(Enum):
    """What can be said."""

    GIVEN = "given"
    NONE = "none"
    UNKNOWN = "unknown"


class Proofs:
    """What the sessions of a capture proved; each connection is looked at once, however often it is asked for."""

    def __init__(self, legs: Legs) -> None:
        """Index the sessions at proxy ports by what a later one may resume."""
        self._givers: dict[tuple[Endpoint, str], list[Connection]] = defaultdict(list)
        """By listener and ticket: whose session gave it out."""
        self._full: dict[tuple[Endpoint, bytes], list[Connection]] = defaultdict(list)
        """By listener and session id: whose full handshake the server gave it to."""
        self._proofs: dict[int, Proof] = {}
        self._shown: dict[int, Certificate | None] = {}
        for connection in (*legs.proxy, *legs.outer):
            tls = connection.tls
            if tls is None:
                continue
            for ticket in {t.sha256: t for t in tls.tickets}:
                self._givers[connection.server, ticket].append(connection)
            if tls.issued_session_id and not tls.resumed and tls.established:
                self._full[connection.server, tls.issued_session_id].append(connection)

    def find_proof(self, connection: Connection) -> Proof:
        """Whether the client of a proxy connection proved a certificate."""
        passed: list[int] = []
        at: Connection | None = connection
        found: Proof | None = None
        while at is not None and found is None:
            passed.append(at.number)
            found = self._proofs.get(at.number) or _find_own_proof(at)
            at = self.find_ancestor(at) if found is None else None
        answer = found or Proof.UNKNOWN
        self._proofs.update(dict.fromkeys(passed, answer))
        return answer

    def find_shown(self, connection: Connection) -> Certificate | None:
        """The client's leaf certificate, from the handshake that proved it; None: not seen, or not the only one."""
        passed: list[int] = []
        at: Connection | None = connection
        shown: Certificate | None = None
        while at is not None:
            if at.number in self._shown:
                shown = self._shown[at.number]
                break
            passed.append(at.number)
            tls = at.tls
            if tls is None or tls.later_client_certificates:
                break
            if tls.client_certificates:
                shown = tls.client_certificates[0]
                break
            at = self.find_ancestor(at)
        self._shown.update(dict.fromkeys(passed, shown))
        return shown

    def find_all_shown(self, connection: Connection) -> tuple[Certificate, ...]:
        """Every leaf certificate for which a connection stands: also those that the client showed later (V13)."""
        tls = connection.tls
        later = tls.later_client_certificates if tls is not None else ()
        if tls is None or not later:
            shown = self.find_shown(connection)
            return (shown,) if shown is not None else ()
        return tuple(chain[0] for chain in (tls.client_certificates, *later) if chain)

    def find_ancestor(self, connection: Connection) -> Connection | None:
        """The handshake whose session is resumed, at the same listener.

        A ticket names the session that gave it out, to a client of the same address; that one may be a resumed session
        itself. Without a ticket, TLS 1.2 names the full handshake by the session id that the server gave it.
        """
        tls = connection.tls
        if tls is None or not tls.resumed:
            return None
        if tls.resumed_ticket is not None:
            found = [
                c
                for c in self._givers.get((connection.server, tls.resumed_ticket), ())
                if c.client.address == connection.client.address
            ]
        else:
            found = self._full.get((connection.server, tls.session_id), [])
        earlier = [c for c in found if c.opened_ns < connection.opened_ns]
        return earlier[0] if len(earlier) == 1 else None


def _find_own_proof(connection: Connection) -> Proof | None:
    """What a session shows by itself; None: another one has to be asked, which it resumed."""
    tls: TlsSession | None = connection.tls
    if tls is None:
        return Proof.NONE if connection.exchanges else Proof.UNKNOWN
    if tls.client_certificates and tls.certificate_verify is not None:
        return Proof.GIVEN
    if tls.resumed:
        return None
    return Proof.NONE if tls.decrypted == "yes" else Proof.UNKNOWN
