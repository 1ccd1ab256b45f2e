"""Needs: the evidence that a check must have before silence means that its promise held."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.checks.case import Case
from harness.checks.ledger import tell_packets
from harness.checks.legs import Machines
from harness.trace.connection import Connection
from harness.trace.http import Malformed
from harness.trace.tls import TlsSession

TLS_1_3 = 0x0304


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One kind of evidence."""

    name: str
    missing: Callable[[Case], tuple[str, ...]]
    """What is missing, one sentence each; (): nothing."""
    intro: str = ""
    """Stands once before the sentences."""


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
    statuses = [
        e.response.status
        for e in connection.exchanges
        if e.response is not None and e.response.packets[-1:] >= malformed.packets[:1]
    ]
    return bool(statuses) and min(statuses) >= 400 and connection.closed != "open"


def find_unreadable(connection: Connection, machines: Machines) -> str | None:
    """Why something that a connection carried is not known; None when all of it is."""
    told = f"{machines.tell_client(connection)} to {machines.tell_server(connection)}"
    where = tell_packets(connection.packets[:1])
    if connection.tls is not None and _is_closed_to_us(connection.tls):
        why = connection.tls.undecrypted or "part of it could not be decrypted"
        return f"{told} cannot be read ({why}; starts at {where})"
    for malformed in connection.malformed:
        if malformed.layer != "tcp" and not _is_refused(connection, malformed):
            return (
                f"{told} is not understood ({malformed.message}; {tell_packets(malformed.packets)})"
            )
    is_plain = connection.tls is None and not connection.exchanges
    if is_plain and connection.client_stream.size and connection.server_stream.size:
        return f"{told} carries neither TLS nor HTTP (starts at {where})"
    return None


def _missing_content(connections: Iterable[Connection], machines: Machines) -> tuple[str, ...]:
    found = (find_unreadable(connection, machines) for connection in connections)
    return tuple(reason for reason in found if reason is not None)


def _call_back_legs(case: Case) -> tuple[Connection, ...]:
    ports = case.machines.certificate_ports
    return tuple(c for c in case.legs.opened if case.machines.port(c) in ports)


def _missing_hellos(case: Case) -> tuple[str, ...]:
    reasons = []
    for connection in (*case.legs.outer, *case.legs.fronts, *case.legs.proxy, *case.legs.upstream):
        tls = connection.tls
        is_silent = not connection.client_stream.size or not connection.server_stream.size
        if (
            not is_silent
            and not connection.exchanges
            and (tls is None or tls.client_random is None)
        ):
            told = f"{case.machines.tell_client(connection)} to {case.machines.tell_server(connection)}"
            reasons.append(
                f"no ClientHello of {told} was seen ({tell_packets(connection.packets[:1])})"
            )
    return tuple(reasons)


COMPLETE = Need(
    name="a complete capture",
    missing=lambda case: case.ledger.problems,
    intro="the capture is not proven complete: ",
)
PROXY_CONTENT = Need(
    name="the content of every connection to a proxy port (L1, L2)",
    missing=lambda case: _missing_content((*case.legs.outer, *case.legs.proxy), case.machines),
)
SERVICE_CONTENT = Need(
    name="the content of every connection to the service (L3, L4, L7)",
    missing=lambda case: _missing_content((*case.legs.fronts, *case.legs.upstream), case.machines),
)
NODE_SERVICE_CONTENT = Need(
    name="the content of every connection to a node's service port (L4)",
    missing=lambda case: _missing_content(case.legs.service, case.machines),
)
CALL_BACK_CONTENT = Need(
    name="the content of every connection from a node to a cert proxy (L5)",
    missing=lambda case: _missing_content(_call_back_legs(case), case.machines),
)
HELLOS = Need(name="the ClientHello of every connection", missing=_missing_hellos)
