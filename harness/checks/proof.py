"""Proof: whether a TLS session of a device proved a client certificate, in its own handshake or by resumption."""

from __future__ import annotations

from enum import Enum

from harness.checks.case import Case
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection
from harness.trace.tls import TlsSession


class Proof(Enum):
    """What can be said."""

    GIVEN = "given"
    NONE = "none"
    UNKNOWN = "unknown"


def find_proof(case: Case, connection: Connection) -> Proof:
    """Whether the client of a proxy connection proved a certificate."""
    tls = connection.tls
    if tls is None:
        return Proof.NONE if connection.exchanges else Proof.UNKNOWN
    if tls.client_certificates and tls.certificate_verify is not None:
        return Proof.GIVEN
    if tls.resumed:
        ancestor = _find_ancestor(case, connection, tls)
        return find_proof(case, ancestor) if ancestor is not None else Proof.UNKNOWN
    return Proof.NONE if tls.decrypted == "yes" else Proof.UNKNOWN


def find_shown(case: Case, connection: Connection) -> Certificate | None:
    """The client's leaf certificate, from the handshake that proved it; None: not seen, or not the only one."""
    tls = connection.tls
    if tls is None or tls.later_client_certificates:
        return None
    if tls.client_certificates:
        return tls.client_certificates[0]
    ancestor = _find_ancestor(case, connection, tls) if tls.resumed else None
    return find_shown(case, ancestor) if ancestor is not None else None


def _find_ancestor(case: Case, connection: Connection, tls: TlsSession) -> Connection | None:
    """The handshake whose session is resumed, at the same listener.

    A ticket names the session that gave it out, to a client of the same address; that one may be a resumed session
    itself. Without a ticket, TLS 1.2 names the full handshake by its session id.
    """
    if tls.resumed_ticket is not None:
        givers = [
            c
            for c in (*case.legs.proxy, *case.legs.outer)
            if c.server == connection.server
            and c.client.address == connection.client.address
            and c.opened_ns < connection.opened_ns
            and c.tls is not None
            and tls.resumed_ticket in c.tls.tickets
        ]
        return givers[0] if len(givers) == 1 else None
    if not tls.session_id:
        return None
    found = [
        c
        for c in (*case.legs.proxy, *case.legs.outer)
        if c.server == connection.server
        and c.opened_ns < connection.opened_ns
        and c.tls is not None
        and not c.tls.resumed
        and c.tls.established
        and c.tls.session_id == tls.session_id
    ]
    return found[0] if len(found) == 1 else None
