"""V26 liveness: every connection of a device ends in success or a definite refusal, in time."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement
from harness.checks.evidence import accepting, answering, asking, gather, opening, seen
from harness.checks.joining import inner_random, outer_random
from harness.checks.need import COMPLETE, NODE_SERVICE_CONTENT, PROXY_CONTENT
from harness.checks.sign_in import find_sent, find_set
from harness.checks.tunnel import find_end
from harness.site.certificate_place import find_balancer_names
from harness.trace.connection import Connection
from harness.trace.packet import PacketNumber
from harness.trace.tls import TlsSession
from harness.verdict.finding import Finding

UNAUTHORIZED = 401
LOOP = 2
"""Fresh sessions of one user that are refused: more than a chance."""
DETOUR_NS = 1_000_000_000
"""An answer comes soon after the last question."""
CERTIFICATE_ALERTS = frozenset(range(41, 50))
"""RFC 8446 section 6.2: no_certificate to access_denied, what is said about a peer's certificate."""


def _judge(case: Case) -> Iterator[Judgement]:
    at_service = {random for c in case.legs.fronts if (random := outer_random(c)) is not None}
    for connection in find_device_connections(case):
        if not connection.syn_ack and not _is_answered(connection):
            message = f"{_told(case, connection)} got no answer to its SYN"
            yield Absent(finding=_finding(message, opening(connection), connection))
            continue
        yield from _judge_answers(case, connection)
        yield from _judge_end(case, connection)
        yield from _judge_alerts(case, connection, at_service)
        yield from _judge_wanted(case, connection)
    yield from _judge_loops(case)
    yield from _judge_detours(case)


def find_device_connections(case: Case) -> tuple[Connection, ...]:
    """Connections that no machine of the site opened, to its proxy and service ports."""
    own = {*case.machines.nodes, *case.machines.balancers}
    listed = {c.number: c for c in (*case.legs.outer, *case.legs.proxy, *case.legs.fronts)}
    return tuple(c for c in listed.values() if case.machines.client(c) not in own)


def _judge_answers(case: Case, connection: Connection) -> Iterator[Judgement]:
    limit_ns = case.site.answer_timeout_s * 1_000_000_000
    end_ns = find_end(case.packets, connection) or _last_ns(case)
    waited: list[tuple[int, tuple[PacketNumber, ...], str]] = []
    for index, exchange in enumerate(connection.exchanges):
        request, response = exchange.request, exchange.response
        if request is None:
            if response is not None and index == 0:
                # A head that never ended: the answer is to its beginning (F87).
                waited_ns = response.first_ns - connection.opened_ns
                waited.append((waited_ns, opening(connection), "the rest of its first request"))
            continue
        answered_ns = response.first_ns if response is not None else end_ns
        what = "its request" if request.complete else "the rest of its request"
        since_ns = request.last_ns if request.complete else request.first_ns
        waited.append((answered_ns - since_ns, asking(exchange), what))
    if not connection.exchanges:
        waited.append((end_ns - connection.opened_ns, opening(connection), "its first request"))
    for waited_ns, packets, what in waited:
        if waited_ns > limit_ns:
            message = (
                f"{_told(case, connection)} was neither answered nor refused {case.site.answer_timeout_s} s "
                f"after {what}"
            )
            yield Absent(finding=_finding(message, packets or opening(connection), connection))
            return


def _judge_end(case: Case, connection: Connection) -> Iterator[Judgement]:
    if find_end(case.packets, connection) is None:
        message = f"{_told(case, connection)} is still open at the end"
        yield Absent(finding=_finding(message, connection.packets[-1:], connection))


def _judge_alerts(
    case: Case, connection: Connection, at_service: set[bytes]
) -> Iterator[Judgement]:
    """F65: a device that asked for the service by one of its names, and cannot trust what it got."""
    tunnel = connection.tunnel
    if tunnel is not None and inner_random(connection) not in at_service:
        return
    names = {name.lower() for name in (case.site.fqdn, *find_balancer_names(case.site))}
    for tls in (connection.tls, tunnel.tls if tunnel is not None else None):
        if tls is None or (tls.sni or "").lower() not in names:
            continue
        alert = _find_alert(tls)
        if alert is not None:
            name, packets = alert
            message = f"{_told(case, connection)} ended with its alert {name}"
            yield _finding(message, packets, connection)


def _judge_wanted(case: Case, connection: Connection) -> Iterator[Judgement]:
    """F81: a device that showed no certificate, as it was asked for those of others than the site's users."""
    tls, own = connection.tls, case.note.user_names if case.note is not None else ()
    if tls is None or not tls.requested_authorities or not own:
        return
    if tls.client_certificate is None or tls.client_certificates:
        return
    if not set(tls.requested_authorities) & set(own):
        message = (
            f"{_told(case, connection)} showed no certificate: it was asked for those of "
            f"{len(tls.requested_authorities)} authorities, and none of them is that of the site's users"
        )
        packets = seen(tls.certificate_request, tls.client_certificate)
        yield _finding(message, packets, connection)


def _find_alert(tls: TlsSession) -> tuple[str, tuple[PacketNumber, ...]] | None:
    for alert in tls.alerts:
        if alert.sender == "client" and alert.description in CERTIFICATE_ALERTS:
            return alert.name, alert.seen.packets
    return None


def _judge_loops(case: Case) -> Iterator[Judgement]:
    """F40: sessions that one node opens and another does not know, again and again."""
    owners: dict[bytes, tuple[PacketNumber, ...]] = {}
    refused: dict[bytes, tuple[PacketNumber, ...]] = {}
    place: dict[bytes, Connection] = {}
    for request in case.journeys.requests:
        response = request.exchange.response
        for cookie in find_set(request.exchange, case.site):
            owners[cookie] = answering(request.exchange)
        if response is None or response.status != UNAUTHORIZED:
            continue
        for cookie in find_sent(request.exchange, case.site):
            if cookie in owners:
                refused.setdefault(cookie, answering(request.exchange))
                place.setdefault(cookie, request.connection)
    if len(refused) < LOOP:
        return
    connections = tuple(place.values())
    packets = gather(*(owners[c] for c in refused), *refused.values())
    message = (
        f"{len(refused)} sessions that had just been opened were not known when they were used"
    )
    yield _finding(message, packets, *connections)


def _judge_detours(case: Case) -> Iterator[Judgement]:
    """F35: a balancer hands packets on with their source as it was, and the answer goes past it."""
    machines = case.machines
    listed = (*case.legs.fronts, *case.legs.outer)
    silent = {
        c.client: c
        for c in listed
        if machines.server(c) in machines.balancers and not c.syn_ack and not _is_answered(c)
    }
    for connection in (*case.legs.service, *case.legs.proxy):
        # The answer may take another segment than the question.
        asked = silent.get(connection.client)
        if asked is None or not connection.syn_ack or connection.server.port != asked.server.port:
            continue
        if not asked.opened_ns <= connection.opened_ns <= asked.closed_ns + DETOUR_NS:
            continue
        del silent[connection.client]
        told = machines.tell_client(asked)
        message = (
            f"{told} wanted a connection to {machines.tell_server(asked)} and got the answer of "
            f"{machines.tell_server(connection)}, which it had not asked"
        )
        packets = gather(opening(asked), opening(connection), accepting(connection))
        yield _finding(message, packets, asked, connection)


def _is_answered(connection: Connection) -> bool:
    """Whether the server said anything: a reset is definite, too."""
    return connection.closed == "rst" or connection.server_stream.packet_count > 0


def _last_ns(case: Case) -> int:
    return case.packets.last_ns


def _told(case: Case, connection: Connection) -> str:
    return f"{case.machines.tell_client(connection)} to {case.machines.tell_server(connection)}"


def _finding(message: str, packets: tuple[PacketNumber, ...], *connections: Connection) -> Finding:
    ends = tuple(dict.fromkeys(e for c in connections for e in (c.client, c.server)))
    return Finding(message=message, packets=packets, endpoints=ends)


V26 = Check(
    id="V26",
    promise="Every connection of a device ends in success or a definite refusal, in time.",
    source="V26; F35 F40 F65 F81 F87 F91",
    needs=(COMPLETE, PROXY_CONTENT, NODE_SERVICE_CONTENT),
    judge=_judge,
)
