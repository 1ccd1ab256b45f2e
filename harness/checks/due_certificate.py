"""The due certificate: what a listener has to show, by what was imported there (run note) or by what the site says.

Without either nothing is due, and certificates can only be compared with each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks.case import Case
from harness.checks.listeners import find_port
from harness.site.certificate_place import Place
from harness.site.site import SERVICE_PORT
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What has to be shown; empty fields are left open."""

    sha256: tuple[str, ...] = ()
    """Fingerprints: of the leaf, or of the whole chain."""
    is_whole: bool = False
    """The chain has to be exactly this one."""
    issuer: str = ""
    """RFC 4514, of the leaf."""
    source: str = ""
    """Who says so, in words."""


def find_due(case: Case, connection: Connection) -> Due | None:
    """What the server of a connection has to show; None: nobody says."""
    server = case.machines.server(connection)
    machine = case.machines.nodes.get(server) or case.machines.balancers.get(server)
    if machine is None:
        return None
    port = case.machines.port(connection)
    listener = f"{machine}:{port}"
    in_force = [
        one
        for one in (case.note.certificates if case.note is not None else ())
        if one.at == listener and one.since_ns <= connection.opened_ns
    ]
    if in_force:
        return Due(sha256=in_force[-1].sha256, is_whole=True, source="imported there")
    row = find_port(case, connection) if machine in case.site.nodes else None
    is_shared = row is not None and row.ssl_certificate_type == "passthrough"
    place = Place(machine=machine, port=SERVICE_PORT if is_shared else port)
    expected = case.site.certificates.get(str(place))
    if expected is None:
        return None
    wanted = (expected.fingerprint,) if expected.fingerprint else ()
    return Due(sha256=wanted, issuer=expected.issuer, source="expected by the site")


def find_leaf_difference(due: Due, leaf: Certificate) -> str | None:
    """How a leaf differs from the due one; None: it does not."""
    shown = f"certificate sha256 {leaf.sha256[:16]} of {leaf.issuer or 'nobody'}"
    if due.sha256 and leaf.sha256 != due.sha256[0]:
        return f"{shown}; {due.source} is sha256 {due.sha256[0][:16]}"
    if due.issuer and leaf.issuer != due.issuer:
        return f"{shown}; {due.source} is one of {due.issuer}"
    return None


def find_difference(due: Due, shown: tuple[Certificate, ...]) -> str | None:
    """How a chain differs from the due one; None: it does not."""
    difference = find_leaf_difference(due, shown[0])
    if difference is not None or not due.is_whole:
        return difference
    chain = tuple(certificate.sha256 for certificate in shown)
    if chain == due.sha256:
        return None
    return (
        f"the right certificate with the chain {_list(chain[1:])}; {due.source} is it with "
        f"{_list(due.sha256[1:])}"
    )


def _list(fingerprints: tuple[str, ...]) -> str:
    return ", ".join(one[:16] for one in fingerprints) or "of nobody else"
