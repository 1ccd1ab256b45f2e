"""V17 server trust: a call-back goes over TLS to whoever shows the certificate of the node that was meant."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.call_back_form import find_key
from harness.checks.case import Case
from harness.checks.check import Check, Judgement
from harness.checks.due_certificate import find_due, find_leaf_difference
from harness.checks.evidence import asking, gather, seen
from harness.checks.listeners import find_port, find_service_certificates
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE
from harness.net.address import Address
from harness.net.host_pattern import is_covered
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    own = find_service_certificates(case)
    admin = {connection.number for connection in case.legs.admin}
    for connection in case.legs.opened:
        asked = [e for e in connection.exchanges if find_key(e.request, case.site) is not None]
        is_admin = connection.number in admin
        is_certificate_port = case.machines.port(connection) in case.machines.certificate_ports
        if not is_admin and not (asked and is_certificate_port):
            continue
        told = (
            f"{case.machines.tell_client(connection)} asked {case.machines.tell_server(connection)}"
        )
        tls = connection.tls
        if tls is None:
            if asked:
                yield _finding(f"{told} in clear text", connection, asking(asked[0]))
            continue
        if not tls.server_certificates:
            continue
        where = gather(seen(tls.server_hello, tls.server_finished)) or connection.packets[:1]
        flaw = _find_flaw(case, connection, tls.server_certificates[0], own)
        if flaw is not None:
            told = f"{told}, which showed a certificate {flaw}"
            yield _finding(told, connection, gather(where, *(asking(e) for e in asked[:1])))


def _find_flaw(
    case: Case,
    connection: Connection,
    shown: Certificate,
    own: dict[Address, dict[str, Certificate]],
) -> str | None:
    """What is wrong with the certificate of a cert proxy's port; None: nothing that packets show."""
    if shown.problem is not None:
        return f"that cannot be read ({shown.problem})"
    server = case.machines.server(connection)
    node = case.machines.nodes.get(server, "")
    names = {name.lower() for name in shown.dns_names} | set(shown.ip_addresses)
    wanted = list(dict.fromkeys((node.lower(), case.site.host_name(node).lower(), str(server))))
    if len(case.site.nodes) == 1 or case.machines.port(connection) not in case.site.admin_ports:
        wanted.append(case.site.fqdn.lower())  # A certificate shared with devices names the site.
    if not any(is_covered(name, one) for name in names for one in wanted):
        return f"for {', '.join(sorted(names)) or 'nobody'}; expected {' or '.join(wanted)}"
    if shown.not_after_ns and not shown.not_before_ns <= connection.opened_ns <= shown.not_after_ns:
        return "that is not valid at this time"
    due = find_due(case, connection)
    difference = find_leaf_difference(due, shown) if due is not None else None
    if difference is not None:
        return f"that is not the right one: {difference}"
    port = find_port(case, connection)
    at_service = own.get(server, {})
    if port is not None and port.ssl_certificate_type == "passthrough" and at_service:
        if shown.sha256 not in at_service:
            return f"(sha256 {shown.sha256[:16]}) that is not the one {node} shows on 443"
        return None
    return _find_stranger(shown, own)


def _find_stranger(shown: Certificate, own: dict[Address, dict[str, Certificate]]) -> str | None:
    """An authority of the same name as the site's, with another key, is somebody else's."""
    trusted = {
        (certificate.issuer, certificate.issuer_key_id)
        for certificates in own.values()
        for certificate in certificates.values()
        if certificate.issuer_key_id
    }
    doubles = {key for issuer, key in trusted if issuer == shown.issuer}
    if shown.issuer_key_id and doubles and shown.issuer_key_id not in doubles:
        return f"of another authority that calls itself {shown.issuer}"
    return None


def _finding(message: str, connection: Connection, packets: tuple[PacketNumber, ...]) -> Finding:
    return Finding(
        message=message, packets=packets, endpoints=(connection.client, connection.server)
    )


V17 = Check(
    id="V17",
    promise="A call-back goes over TLS, and the server it reaches shows the certificate of the node that was meant.",
    source="V17; F50 F51 F52 F56",
    needs=(COMPLETE, CALL_BACK_CONTENT),
    judge=_judge,
)
