"""V22 configuration: keys, certificates and settings are the same everywhere, and in force."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.call_back_form import find_key
from harness.checks.case import Case
from harness.checks.check import Check, Judgement, Unjudged
from harness.checks.due_certificate import find_difference, find_due
from harness.checks.evidence import accepting, answering, asking, gather, opening, seen
from harness.checks.headers import port_values
from harness.checks.listeners import find_leaf, find_port, find_service_certificates
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, PROXY_CONTENT
from harness.checks.policy import Policy
from harness.checks.proof import Proof
from harness.checks.tls_floor import judge_floor
from harness.checks.v06_header_origin import find_refusal
from harness.checks.v10_admin_authentication import find_flaw, find_requests
from harness.checks.v16_name_agreement import find_host
from harness.net.address import Address, parse_address
from harness.site.page import Port
from harness.site.site import SERVICE_PORT
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection
from harness.trace.http import Exchange, Request
from harness.trace.journey import ServiceRequest
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding

FORBIDDEN = 403
OK = 200
STARTING_NS = 1_000_000_000
"""How long a restarted service may take to open its ports."""


def _judge(case: Case) -> Iterator[Judgement]:
    yield from _judge_certificates(case)
    yield from _judge_due(case)
    yield from _judge_keys(case)
    yield from _judge_ports(case)
    yield from judge_floor(case)
    for connection in case.legs.proxy:
        for exchange in connection.exchanges:
            if exchange.request is not None and exchange.request.method == b"CONNECT":
                yield from _judge_tunnel(case, connection, exchange, exchange.request)
    for request in case.journeys.requests:
        yield from _judge_disbelief(case, request)


def _judge_certificates(case: Case) -> Iterator[Judgement]:
    own = find_service_certificates(case)
    first: dict[int, tuple[Connection, Certificate]] = {}
    before: dict[tuple[Address, int], dict[str, tuple[Connection, Port]]] = {}
    for connection in (*case.legs.proxy, *case.legs.admin):
        number = case.machines.port(connection)
        port = find_port(case, connection)
        for shown in find_leaf(connection):
            server = case.machines.server(connection)
            told = f"{case.machines.tell_server(connection)} showed"
            shows = before.setdefault((server, number), {})
            yield from _judge_stale(told, connection, shown, port, shows)
            if port is not None and port.ssl_certificate_type == "passthrough":
                if own.get(server) and shown.sha256 not in own[server]:
                    message = (
                        f"{told} certificate sha256 {shown.sha256[:16]}, but its type is passthrough and port 443 of "
                        f"that node shows {', '.join(sorted(s[:16] for s in own[server]))}"
                    )
                    yield _finding(message, _hello(connection), connection)
                continue
            other, earlier = first.setdefault(number, (connection, shown))
            if case.site.terminating and _names(earlier) != _names(shown):
                message = (
                    f"{told} a certificate for {_names(shown)}, but {case.machines.tell_server(other)} one for "
                    f"{_names(earlier)}"
                )
                packets = gather(_hello(other), _hello(connection))
                yield _finding(message, packets, other, connection)


def _judge_stale(
    told: str,
    connection: Connection,
    shown: Certificate,
    port: Port | None,
    before: dict[str, tuple[Connection, Port]],
) -> Iterator[Judgement]:
    """F88: another type is in force, and what is shown is the certificate of before."""
    if port is None:
        return
    other, row = before.setdefault(shown.sha256, (connection, port))
    if row.ssl_certificate_type != port.ssl_certificate_type:
        message = (
            f"{told} certificate sha256 {shown.sha256[:16]} as when its type was {row.ssl_certificate_type}, "
            f"but now it is {port.ssl_certificate_type}"
        )
        yield _finding(message, gather(_hello(other), _hello(connection)), other, connection)


def _judge_ports(case: Case) -> Iterator[Judgement]:
    """A01, F88: ports are open, or not, against the settings in force."""
    for connection in (*case.legs.proxy, *case.legs.admin):
        node, number = case.machines.server(connection), case.machines.port(connection)
        at_ns = connection.opened_ns
        pages = case.rules.pages(node, at_ns - STARTING_NS, at_ns)
        says = {page.enabled and any(row.port == number for row in page.ports) for page in pages}
        is_refused = bool(connection.syn) and not connection.syn_ack and connection.closed == "rst"
        is_open = says == {False} and bool(connection.syn_ack)
        is_shut = says == {True} and is_refused and _is_new(case, node, number)
        if not (is_open or is_shut):
            continue
        told, client = (
            case.machines.tell_server(connection),
            case.machines.tell_client(connection),
        )
        if is_open:
            message = f"{told} took a connection from {client}, but its settings have no such port in force"
            yield _finding(message, gather(opening(connection), accepting(connection)), connection)
        else:
            message = f"{told} refused a connection from {client}, but its settings have that port in force"
            yield _finding(message, connection.packets, connection)


def _is_new(case: Case, node: Address, number: int) -> bool:
    """Whether a port was not there when the run began: one that was may be closed for another reason."""
    (first, *_) = case.rules.pages(node, 0, 0)
    return not (first.enabled and any(row.port == number for row in first.ports))


def _judge_due(case: Case) -> Iterator[Judgement]:
    """B09, F52: each place shows what was imported there, as it was imported."""
    legs = case.legs
    listed = {c.number: c for c in (*legs.fronts, *legs.service, *legs.proxy, *legs.admin)}
    for connection in listed.values():
        tls, due = connection.tls, find_due(case, connection)
        if tls is None or due is None:
            continue
        if not tls.server_certificates:
            if tls.server_hello is None or tls.resumed:
                continue  # No certificate had to be shown.
            told = f"{case.machines.tell_server(connection)} showed"
            reason = (
                f"{told} a certificate that cannot be seen ({tls.undecrypted or 'not captured'})"
            )
            yield Unjudged(reason=reason, packets=_hello(connection))
            continue
        difference = find_difference(due, tls.server_certificates)
        if difference is not None:
            told = f"{case.machines.tell_server(connection)} showed"
            yield _finding(f"{told} {difference}", _hello(connection), connection)


def _judge_keys(case: Case) -> Iterator[Judgement]:
    for connection, exchange, request in find_requests(case):
        if case.machines.client(connection) not in case.machines.nodes:
            continue
        key = find_key(request, case.site)
        proofs = request.values(case.site.call_back.proof_header)
        server = case.machines.server(connection)
        is_proof = key is not None and proofs
        flaw = find_flaw(case, server, request, key) if is_proof and key is not None else None
        if flaw is None:
            continue
        message = (
            f"{case.machines.tell_client(connection)} asked {case.machines.tell_server(connection)} for a "
            f"certificate {flaw}"
        )
        yield _finding(message, asking(exchange), connection)


def _judge_tunnel(
    case: Case, connection: Connection, exchange: Exchange, request: Request
) -> Iterator[Judgement]:
    """F88, F89: a node that goes by other settings than its own in force, or than those of the other nodes."""
    response = exchange.response
    if response is None or case.proofs.find_proof(connection) is not Proof.GIVEN:
        return
    node = case.machines.server(connection)
    between = (node, request.first_ns, response.last_ns)
    says = [_find_answer(case, policy, request.target) for policy in case.rules.during(*between)]
    did = {FORBIDDEN: False, OK: True}.get(response.status)
    if did is None or not says or None in says:
        return
    verb = "opened" if did else "forbade"
    if did not in says:
        # Tunnels that no settings ever allowed are the business of V15.
        if did and did not in _find_earlier(case, node, request):
            return
        other = "which the settings forbid" if did else "which the settings allow"
    else:
        differing = [
            case.machines.name(address)
            for address, page in case.rules.others(*between).items()
            if _find_answer(case, case.rules.policies[page], request.target) is (not did)
        ]
        if not _is_odd(case, differing):
            return
        other = f"which the settings of {', '.join(differing)} {'forbid' if did else 'allow'}"
    target = request.target[:80].decode("latin-1").encode("unicode_escape").decode("ascii")
    message = (
        f"{case.machines.tell_server(connection)} {verb} {case.machines.tell_client(connection)} "
        f"a tunnel to {target}, {other}"
    )
    yield _finding(message, gather(asking(exchange), answering(exchange)), connection)


def _is_odd(case: Case, differing: list[str]) -> bool:
    """Whether it is this node that is set up otherwise, and not those: they are at least as many as the rest."""
    return bool(differing) and 2 * len(differing) >= len(case.site.nodes)


def _find_earlier(case: Case, node: Address, request: Request) -> set[bool | None]:
    """What the settings of a node said of a target at any time before."""
    policies = case.rules.during(node, 0, request.first_ns)
    return {_find_answer(case, policy, request.target) for policy in policies}


def _judge_disbelief(case: Case, request: ServiceRequest) -> Iterator[Judgement]:
    """F89: a node refuses a sign-in because of its own page, where the page of another node believes the header."""
    exchange, connection = request.exchange, request.connection
    message, response = exchange.request, exchange.response
    if message is None or response is None or response.status != FORBIDDEN:
        return
    why = find_refusal(case, request)
    if why is None or not port_values(message, case.site):
        return
    node, peer = case.machines.server(connection), case.machines.peer(connection)
    others = case.rules.others(node, message.first_ns, response.last_ns)
    believing = [
        case.machines.name(address)
        for address, page in others.items()
        if case.rules.policies[page].refusal(peer) is None
    ]
    if _is_odd(case, believing):
        told = (
            f"{case.machines.tell_server(connection)} refused the request from "
            f"{case.machines.tell_client(connection)} because {why}, unlike {', '.join(believing)}"
        )
        yield _finding(told, gather(asking(exchange), answering(exchange)), connection)


def _find_answer(case: Case, policy: Policy, target: bytes) -> bool | None:
    """Whether a settings page allows a CONNECT target for certain, or forbids it; None: it leaves that open."""
    host = find_host(target)
    if host is None or not target.endswith(b":%d" % SERVICE_PORT):
        return None
    if policy.forced is not None:
        # Another name may be refused or led to the destination: the page leaves that open.
        return True if policy.forced and host == case.site.fqdn.lower() else None
    addresses = _resolve(case, host)
    if policy.listed is None or not addresses:
        return None
    return all(policy.listed.allows(address) for address in addresses)


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
    source="V22; A01 F48 F80 F52 F88 F89 B04 B09",
    needs=(COMPLETE, PROXY_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
