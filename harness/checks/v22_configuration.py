"""V22 configuration: keys, certificates and settings are the same everywhere, and in force."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.call_back_form import find_key
from harness.checks.case import Case
from harness.checks.check import Check, Judgement
from harness.checks.evidence import answering, asking, gather, seen
from harness.checks.listeners import find_leaf, find_port, find_service_certificates
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, PROXY_CONTENT
from harness.checks.proof import Proof
from harness.checks.v10_admin_authentication import find_flaw, find_requests
from harness.checks.v16_name_agreement import find_host
from harness.net.address import Address, parse_address
from harness.site.site import SERVICE_PORT
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection
from harness.trace.http import Exchange, Request
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding

FORBIDDEN = 403


def _judge(case: Case) -> Iterator[Judgement]:
    yield from _judge_certificates(case)
    yield from _judge_keys(case)
    for connection in case.legs.proxy:
        for exchange in connection.exchanges:
            if exchange.request is not None and exchange.request.method == b"CONNECT":
                yield from _judge_refusal(case, connection, exchange, exchange.request)


def _judge_certificates(case: Case) -> Iterator[Judgement]:
    own = find_service_certificates(case)
    first: dict[int, tuple[Connection, Certificate]] = {}
    for connection in (*case.legs.proxy, *case.legs.admin):
        number = case.machines.port(connection)
        port = find_port(case, number)
        for shown in find_leaf(connection):
            server = case.machines.server(connection)
            told = f"{case.machines.tell_server(connection)} showed"
            if port is not None and port.ssl_certificate_type == "passthrough":
                if own.get(server) and shown.sha256 not in own[server]:
                    message = (
                        f"{told} certificate sha256 {shown.sha256[:16]}, but its type is passthrough and port 443 of "
                        f"that node shows {', '.join(sorted(s[:16] for s in own[server]))}"
                    )
                    yield _finding(message, _hello(connection), connection)
                continue
            other, before = first.setdefault(number, (connection, shown))
            if case.site.terminating and _names(before) != _names(shown):
                message = (
                    f"{told} a certificate for {_names(shown)}, but {case.machines.tell_server(other)} one for "
                    f"{_names(before)}"
                )
                packets = gather(_hello(other), _hello(connection))
                yield _finding(message, packets, other, connection)


def _judge_keys(case: Case) -> Iterator[Judgement]:
    for connection, exchange, request in find_requests(case):
        if case.machines.client(connection) not in case.machines.nodes:
            continue
        key = find_key(request, case.site)
        proofs = request.values(case.site.call_back.proof_header)
        flaw = find_flaw(case, request, key) if key is not None and proofs else None
        if flaw is None:
            continue
        message = (
            f"{case.machines.tell_client(connection)} asked {case.machines.tell_server(connection)} for a "
            f"certificate {flaw}"
        )
        yield _finding(message, asking(exchange), connection)


def _judge_refusal(
    case: Case, connection: Connection, exchange: Exchange, request: Request
) -> Iterator[Judgement]:
    """F88, F89: a node that forbids what the settings page allows goes by other settings."""
    if exchange.response is None or exchange.response.status != FORBIDDEN:
        return
    if case.proofs.find_proof(connection) is not Proof.GIVEN or not _is_allowed(
        case, request.target
    ):
        return
    target = request.target[:80].decode("latin-1").encode("unicode_escape").decode("ascii")
    message = (
        f"{case.machines.tell_server(connection)} forbade {case.machines.tell_client(connection)} "
        f"a tunnel to {target}, which the settings allow"
    )
    yield _finding(message, gather(asking(exchange), answering(exchange)), connection)


def _is_allowed(case: Case, target: bytes) -> bool:
    """Whether the settings page allows a CONNECT target for certain."""
    host = find_host(target)
    if host is None or not target.endswith(b":%d" % SERVICE_PORT):
        return False
    if case.policy.forced is not None:
        # Another name may be refused or led to the destination: the page leaves that open.
        return bool(case.policy.forced) and host == case.site.fqdn.lower()
    addresses = _resolve(case, host)
    listed = case.policy.listed
    return listed is not None and bool(addresses) and all(listed.allows(a) for a in addresses)


def _resolve(case: Case, host: str) -> tuple[Address, ...]:
    try:
        return (parse_address(host),)
    except ValueError:
        # Other names may have meant another address at that time.
        return case.site.resolve(host) if host == case.site.fqdn.lower() else ()


def _names(certificate: Certificate) -> str:
    names = sorted((*certificate.dns_names, *certificate.ip_addresses))
    return ", ".join(names) or certificate.subject or "nobody"


def _hello(connection: Connection) -> tuple[PacketNumber, ...]:
    tls = connection.tls
    shown = seen(tls.server_hello, tls.server_finished) if tls is not None else ()
    return shown or connection.packets[:1]


def _finding(message: str, packets: tuple[PacketNumber, ...], *connections: Connection) -> Finding:
    ends = tuple(dict.fromkeys(e for c in connections for e in (c.client, c.server)))
    return Finding(message=message, packets=packets, endpoints=ends)


V22 = Check(
    id="V22",
    promise="Keys, certificates and settings are the same on every node, and those of the settings page.",
    source="V22; F48 F52 F88 F89",
    needs=(COMPLETE, PROXY_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
