"""V21 framing: everybody on the way sees the same requests; what can be read in two ways is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, Unjudged
from harness.checks.evidence import answering, asking, gather
from harness.checks.headers import show
from harness.checks.mended import find_odd_requests, find_torn, is_length_doubtful, must_be_refused
from harness.checks.need import COMPLETE, PROXY_CONTENT, SERVICE_CONTENT
from harness.trace.connection import Connection
from harness.trace.http import HTTP_2, Exchange, Header, Malformed, Response
from harness.trace.journey import Front
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding

REFUSED = 400
"""Statuses from here on refuse."""
REFUSALS = (400, 408)
"""Bad Request, and Request Timeout: the end of what came never did."""
"""RFC 9112 section 6.3: the answer to framing that cannot be trusted, before the connection is closed."""


def _judge(case: Case) -> Iterator[Judgement]:
    listed = {
        c.number: c
        for c in (*case.legs.outer, *case.legs.proxy, *case.legs.fronts, *case.legs.upstream)
    }
    for connection in listed.values():
        found = find_odd_requests(connection)
        placed = sorted((m for m in found if m.exchange is not None), key=lambda m: m.exchange or 0)
        doubtful = (m for m in placed if not _is_settled(case, connection, m.exchange or 0))
        # Behind the first of them nobody knows any more which answer is to what.
        for malformed in islice(doubtful, 1):
            yield from _judge_request(case, connection, malformed, malformed.exchange or 0)
        for malformed in found if not placed else ():
            yield from _judge_malformed(case, connection, malformed)
        yield from _judge_connect(case, connection)
    for connection in case.legs.proxy:
        yield from _judge_tunnel(case, connection)
    yield from _judge_smuggled(case)
    yield from _judge_torn(case)


def _is_settled(case: Case, connection: Connection, index: int) -> bool:
    """Whether an odd request was passed on and put right, or refused, and does not make what follows it doubtful."""
    request, response = connection.exchanges[index].request, connection.exchanges[index].response
    made = case.mended.get((connection.number, index))
    if request is None or is_length_doubtful(request):
        return False
    is_refused = response is not None and response.status >= REFUSED
    if request.version == HTTP_2:
        return (
            is_refused or connection.exchanges[index].is_reset
        )  # Streams know nothing of one another.
    return made is not None and (made or is_refused)


def _judge_request(
    case: Case, connection: Connection, malformed: Malformed, index: int
) -> Iterator[Judgement]:
    """A request that two readers see differently must be refused, or put right, and be the last one."""
    exchange = connection.exchanges[index]
    why = f"a request that can be read in two ways: {malformed.message}"
    machines = case.machines
    server, client = machines.tell_server(connection), machines.tell_client(connection)
    made = case.mended.get((connection.number, index))
    if exchange.response is not None and exchange.response.status < REFUSED and not made:
        told = f"{server} answered {exchange.response.status} to {client}, to {why}"
        packets = gather(malformed.packets, answering(exchange))
        is_lawful = exchange.request is not None and not must_be_refused(exchange.request)
        if made is None and is_lawful and _may_be_mended(case, connection):
            yield Unjudged(reason=f"{told}; what it passed on is not in the file", packets=packets)
        else:
            yield _finding(told, packets, connection)
        return
    for later in connection.exchanges[index + 1 :]:
        if later.response is not None and later.response.status not in REFUSALS:
            told = f"{server} went on answering {client} ({later.response.status}) after {why}"
            packets = gather(malformed.packets, answering(exchange), answering(later))
            yield _finding(told, packets, connection)
            return


def _may_be_mended(case: Case, connection: Connection) -> bool:
    """Whether a balancer may have put a request right in packets that are missing, or cannot be read."""
    if case.machines.server(connection) not in case.machines.balancers:
        return False
    hidden = (upstream.number in case.unreadable for upstream in case.legs.upstream)
    return bool(case.ledger.problems) or any(hidden)


def _judge_malformed(
    case: Case, connection: Connection, malformed: Malformed
) -> Iterator[Judgement]:
    """Bytes that are no request to us, but perhaps to the server: an answer to them is one answer too many."""
    first = malformed.packets[0] if malformed.packets else 0
    # Requests of one packet: which of them is meant is not known, but the right answer is the last one.
    answered = [
        (e, e.response)
        for e in connection.exchanges
        if e.response is not None
        and e.response.packets
        and e.response.packets[-1] >= first
        and (e.request is None or not e.request.packets or e.request.packets[-1] >= first)
    ]
    taken = [(e, response) for e, response in answered if response.status < REFUSED]
    if not answered or not (taken or len(answered) > 1):
        return
    why = f"a request that can be read in two ways: {malformed.message}"
    machines = case.machines
    server, client = machines.tell_server(connection), machines.tell_client(connection)
    packets = gather(malformed.packets, *(answering(e) for e, _ in answered))
    if len(answered) > 1 and answered[-1][1].status in REFUSALS:
        reason = (
            f"{server} answered {client} {len(answered)} times and then refused; which was {why}"
        )
        yield Unjudged(reason=reason, packets=packets)
    elif taken:
        told = f"{server} answered {taken[0][1].status} to {client}, to {why}"
        yield _finding(told, packets, connection)
    else:
        told = f"{server} went on answering {client} ({answered[-1][1].status}) after {why}"
        yield _finding(told, packets, connection)


def _judge_connect(case: Case, connection: Connection) -> Iterator[Judgement]:
    """RFC 9110 section 9.3.6: a 2xx to CONNECT has no length, and nothing but the tunnel follows."""
    granted: Exchange | None = None
    for exchange in connection.exchanges:
        response = exchange.response
        if granted is not None and response is not None:
            packets = gather(answering(granted), asking(exchange), answering(exchange))
            message = (
                f"{case.machines.tell_server(connection)} answered {response.status} after it had opened a "
                f"tunnel for {case.machines.tell_client(connection)}"
            )
            yield _finding(message, packets, connection)
        is_connect = exchange.request is not None and exchange.request.method == b"CONNECT"
        if not is_connect or response is None or not 200 <= response.status < 300:
            continue
        granted = exchange
        lengths = [n for n in ("Content-Length", "Transfer-Encoding") if response.values(n)]
        if lengths:
            message = (
                f"{case.machines.tell_server(connection)} answered {response.status} to the CONNECT of "
                f"{case.machines.tell_client(connection)} with {' and '.join(lengths)}"
            )
            yield _finding(message, answering(exchange), connection)


def _judge_tunnel(case: Case, connection: Connection) -> Iterator[Judgement]:
    """F84: what a client sent behind its CONNECT was answered as a further request, in the clear.

    A server at the other end of the tunnel may answer in the clear: then the proxy only hands it on.
    """
    tunnel = connection.tunnel
    if tunnel is None or tunnel.tls is not None or not tunnel.exchanges:
        return
    got = {
        _answer(e.response)
        for onward in case.legs.opened
        if case.machines.client(onward) == case.machines.server(connection)
        and connection.opened_ns <= onward.opened_ns <= connection.closed_ns
        for e in onward.exchanges
        if e.response is not None
    }
    for exchange in tunnel.exchanges:
        if exchange.response is None or _answer(exchange.response) in got:
            continue
        message = (
            f"{case.machines.tell_server(connection)} answered {exchange.response.status} inside the tunnel that it "
            f"had opened for {case.machines.tell_client(connection)}"
        )
        packets = gather(asking(exchange), answering(exchange))
        yield Absent(finding=_finding(message, packets, connection))


def _answer(response: Response) -> tuple[int, tuple[Header, ...], str]:
    """What stays the same where bytes are handed on."""
    return response.status, response.headers, response.body_sha256


def _judge_smuggled(case: Case) -> Iterator[Judgement]:
    """F82: beside a request that came through the balancer stands one that it never saw."""
    known: set[tuple[bytes, bytes]] = set()
    for connection in case.legs.fronts:
        if case.machines.server(connection) in case.machines.balancers:
            known |= {
                (e.request.method, e.request.path)
                for e in connection.exchanges
                if e.request is not None
            }
    by_connection = defaultdict(list)
    for request in case.journeys.requests:
        by_connection[request.connection.number].append(request)
    terminating = {case.site.balancers[name].address for name in case.site.terminating}
    for requests in by_connection.values():
        connection = requests[0].connection
        if case.machines.client(connection) not in terminating:
            continue
        # A balancer's own probes come on connections of their own.
        if not any(isinstance(r.front, Front) for r in requests):
            continue
        for request in requests:
            message = request.exchange.request
            if message is None or (message.method, message.path) in known:
                continue
            target = message.target[:80].decode("latin-1").encode("unicode_escape").decode("ascii")
            told = (
                f"{case.machines.tell_server(connection)} got a request for {target} from "
                f"{case.machines.tell_client(connection)} that nobody had sent to the balancer"
            )
            yield Absent(finding=_finding(told, asking(request.exchange), connection))


def _judge_torn(case: Case) -> Iterator[Judgement]:
    """F83: a line break inside a value became one of the request, and what stood behind it a line of its own."""
    for request, front, header in find_torn(case.journeys):
        line = show((header.name + b": " + header.value,))
        told = (
            f"{case.machines.tell_server(request.connection)} got the line {line} from "
            f"{case.machines.tell_client(request.connection)}, which {case.machines.tell_client(front.connection)} "
            "had sent inside a value"
        )
        packets = gather(
            asking(front.exchange) if front.exchange is not None else (), asking(request.exchange)
        )
        yield _finding(told, packets, request.connection)


def _finding(message: str, packets: tuple[PacketNumber, ...], connection: Connection) -> Finding:
    return Finding(
        message=message, packets=packets, endpoints=(connection.client, connection.server)
    )


V21 = Check(
    id="V21",
    promise="Balancer and node see the same requests, and refuse what can be read in two ways.",
    source="V21; F22 F82 F83 F84 F85",
    needs=(COMPLETE, PROXY_CONTENT, SERVICE_CONTENT),
    judge=_judge,
)
