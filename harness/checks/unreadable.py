"""Unreadable: the connections of the legs of which not everything is known, and why. Worked out once for all checks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from harness.checks.ledger import tell_packets
from harness.checks.legs import Legs, Machines
from harness.checks.mended import Mended
from harness.trace.connection import Connection
from harness.trace.http import HTTP_2, Malformed
from harness.trace.tls import TlsSession

TLS_1_3 = 0x0304
_NONE: Mended = MappingProxyType({})


def find_all_unreadable(
    legs: Legs, machines: Machines, mended: Mended = _NONE
) -> Mapping[int, str]:
    """By connection number: why something that it carried is not known; those without a reason are left out."""
    listed = {
        c.number: c
        for c in (*legs.outer, *legs.proxy, *legs.fronts, *legs.service, *legs.admin, *legs.opened)
    }
    found = {number: find_unreadable(c, machines, mended) for number, c in listed.items()}
    return MappingProxyType({n: reason for n, reason in found.items() if reason is not None})


def find_unreadable(
    connection: Connection, machines: Machines, mended: Mended = _NONE
) -> str | None:
    """Why something that a connection carried is not known; None when all of it is."""
    if connection.tls is not None and _is_closed_to_us(connection.tls):
        why = connection.tls.undecrypted or "part of it could not be decrypted"
        where = tell_packets(connection.packets[:1])
        return f"{_tell(connection, machines)} cannot be read ({why}; starts at {where})"
    for malformed in connection.malformed:
        place = connection.number, malformed.exchange if malformed.exchange is not None else -1
        if malformed.layer == "http" and malformed.sender == "client" and mended.get(place):
            continue  # What it says is what the balancer made of it.
        if malformed.layer != "tcp" and not _is_refused(connection, malformed):
            where = tell_packets(malformed.packets)
            return f"{_tell(connection, machines)} is not understood ({malformed.message}; {where})"
    is_plain = connection.tls is None and not connection.exchanges
    if is_plain and connection.client_stream.size and connection.server_stream.size:
        where = tell_packets(connection.packets[:1])
        return f"{_tell(connection, machines)} carries neither TLS nor HTTP (starts at {where})"
    return None


def _tell(connection: Connection, machines: Machines) -> str:
    return f"{machines.tell_client(connection)} to {machines.tell_server(connection)}"


def _is_closed_to_us(tls: TlsSession) -> bool:
    """Whether a session holds, or may hold, something that could not be read.

    Up to TLS 1.2 a handshake is in the clear, so one that never ended hides nothing. In TLS 1.3 everything after
    ServerHello is encrypted: without keys not even the end of the handshake can be told.
    """
    if tls.server_hello is None or tls.decrypted == "yes":
        return False
    if tls.version is not None and tls.version < TLS_1_3:
        return tls.established or tls.client_application_data is not None
    return True


def _is_refused(connection: Connection, malformed: Malformed) -> bool:
    """Whether a request that can be read in two ways was refused, and nothing came of it: then it hides nothing."""
    if malformed.layer != "http" or malformed.sender != "client" or not malformed.packets:
        return False
    own = malformed.exchange
    exchange = connection.exchanges[own] if own is not None else None
    if exchange is not None and exchange.request is not None and exchange.request.version == HTTP_2:
        answer = exchange.response
        return exchange.is_reset or (answer is not None and answer.status >= 400)
    statuses = [
        e.response.status
        for index, e in enumerate(connection.exchanges)
        if e.response is not None
        and (e.response.packets[-1:] >= malformed.packets[:1] if own is None else index >= own)
    ]
    return bool(statuses) and min(statuses) >= 400 and connection.closed != "open"
