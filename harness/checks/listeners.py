"""Listeners: the certificates that nodes show on their ports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from harness.checks.case import Case
from harness.net.address import Address
from harness.site.page import Port
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection


def find_service_certificates(case: Case) -> dict[Address, dict[str, Certificate]]:
    """By node and fingerprint: what it shows on 443."""
    shown: dict[Address, dict[str, Certificate]] = defaultdict(dict)
    for connection in case.legs.service:
        for certificate in find_leaf(connection):
            shown[case.machines.server(connection)][certificate.sha256] = certificate
    return shown


def find_leaf(connection: Connection) -> Iterable[Certificate]:
    """The server's certificate; () where none was seen."""
    return connection.tls.server_certificates[:1] if connection.tls is not None else ()


def find_port(case: Case, connection: Connection) -> Port | None:
    """The row of the port table that is in force where a connection leads; None: there is none, or it changes."""
    number, at_ns = case.machines.port(connection), connection.opened_ns
    pages = case.rules.pages(case.machines.server(connection), at_ns, at_ns)
    rows = {row for page in pages for row in page.ports if row.port == number}
    return rows.pop() if len(rows) == 1 else None
