"""Needs: the evidence that a check must have before silence means that its promise held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.checks.case import Case
from harness.checks.ledger import tell_packets
from harness.trace.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One kind of evidence."""

    name: str
    missing: Callable[[Case], tuple[str, ...]]
    """What is missing, one sentence each; (): nothing."""
    intro: str = ""
    """Stands once before the sentences."""


def _missing_content(case: Case, *legs: tuple[Connection, ...]) -> tuple[str, ...]:
    own = (connection for leg in legs for connection in leg if case.trace.owns(connection))
    found = (case.unreadable.get(connection.number) for connection in own)
    return tuple(reason for reason in found if reason is not None)


def _call_back_legs(case: Case) -> tuple[Connection, ...]:
    ports = case.machines.certificate_ports
    return tuple(c for c in case.legs.opened if case.machines.port(c) in ports)


def _missing_hellos(case: Case) -> tuple[str, ...]:
    reasons = []
    for connection in (*case.legs.outer, *case.legs.fronts, *case.legs.proxy, *case.legs.upstream):
        tls = connection.tls
        is_silent = not connection.client_stream.size or not connection.server_stream.size
        if is_silent or connection.exchanges or not case.trace.owns(connection):
            continue
        if tls is None or tls.client_random is None:
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
    missing=lambda case: _missing_content(case, case.legs.outer, case.legs.proxy),
)
SERVICE_CONTENT = Need(
    name="the content of every connection to the service (L3, L4, L7)",
    missing=lambda case: _missing_content(case, case.legs.fronts, case.legs.upstream),
)
NODE_SERVICE_CONTENT = Need(
    name="the content of every connection to a node's service port (L4)",
    missing=lambda case: _missing_content(case, case.legs.service),
)
CALL_BACK_CONTENT = Need(
    name="the content of every connection from a node to a cert proxy (L5)",
    missing=lambda case: _missing_content(case, _call_back_legs(case)),
)
HELLOS = Need(name="the ClientHello of every connection", missing=_missing_hellos)
