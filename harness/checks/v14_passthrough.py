"""V14 pass-through: TLS that a balancer must pass through reaches a node unchanged."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, LookedAt, Unjudged
from harness.checks.evidence import count_own, gather, opening, seen
from harness.checks.joining import outer_random
from harness.checks.need import COMPLETE, HELLOS
from harness.net.address import Address
from harness.site.site import SERVICE_PORT, BalancerMode
from harness.trace.connection import Connection
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    onward: dict[tuple[Address, bytes], list[Connection]] = defaultdict(list)
    onwards: dict[Address, list[Connection]] = defaultdict(list)
    passed: dict[Address, set[bytes]] = defaultdict(set)
    ordered: dict[Address, list[Connection]] = {}
    """The same in order of time."""
    blind: set[Address] = set()
    told: set[int] = set()
    for connection in (*case.legs.relayed, *case.legs.upstream, *case.legs.between):
        yield from _judge_preamble(case, connection)
        onwards[case.machines.client(connection)].append(connection)
        random = outer_random(connection)
        if random is not None:
            onward[case.machines.client(connection), random].append(connection)
    for connection in (*case.legs.outer, *case.legs.fronts):
        random = outer_random(connection)
        if random is not None:
            passed[case.machines.server(connection)].add(random)
        elif connection.client_stream.size:
            blind.add(case.machines.server(connection))
        is_passed = case.machines.balancer_mode(connection.server) is BalancerMode.PASSTHROUGH
        if not is_passed or connection.tls is None or connection.tls.server_hello is None:
            continue
        if random is None:
            reason = f"no ClientHello from {case.machines.tell_client(connection)} was seen"
            yield Unjudged(reason=reason, packets=opening(connection))
            continue
        same = onward[case.machines.server(connection), random]
        if same:
            yield from _judge_certificates(case, connection, same)
        else:
            server = case.machines.server(connection)
            if server not in ordered:
                ordered[server] = sorted(onwards[server], key=_opened)
            instead = _find_instead(connection, ordered[server])
            told |= {instead.number} if instead is not None else set()
            yield Absent(finding=_not_passed(case, connection, instead))
    for connection in (*case.legs.relayed, *case.legs.upstream, *case.legs.between):
        balancer = case.machines.client(connection)
        if connection.number not in told and balancer not in blind:
            yield from _judge_origin(case, connection, passed[balancer])


def _judge_preamble(case: Case, connection: Connection) -> Iterator[Judgement]:
    """F42: bytes of the balancer's own before the ClientHello; a cert proxy expects none."""
    preamble = connection.preamble
    if preamble is None or not _is_passed_on(case, connection):
        return
    message = (
        f"{case.machines.tell_client(connection)} wrote a PROXY header (version {preamble.version}) for "
        f"{preamble.client or 'nobody'} before the TLS that it passed to {case.machines.tell_server(connection)}"
    )
    yield Finding(
        message=message,
        packets=gather(preamble.seen.packets),
        endpoints=(connection.client, connection.server),
    )


def _judge_origin(case: Case, connection: Connection, passed: set[bytes]) -> Iterator[Judgement]:
    """TLS in which a balancer itself is the client; its probes end before anybody says anything in them."""
    tls, random = connection.tls, outer_random(connection)
    if tls is None or random is None or random in passed or not _is_passed_on(case, connection):
        return
    told = (
        f"{case.machines.tell_client(connection)} opened TLS to {case.machines.tell_server(connection)} that no client "
        "of its own had begun"
    )
    packets = _hello(connection)
    if tls.client_application_data is not None or tls.certificate_verify is not None:
        ends = (connection.client, connection.server)
        yield Absent(finding=Finding(message=told, packets=packets, endpoints=ends))
    elif tls.server_hello is not None and tls.decrypted != "yes":
        yield Unjudged(reason=f"{told}, and what was said in it cannot be read", packets=packets)


def _is_passed_on(case: Case, connection: Connection) -> bool:
    """Whether a balancer must pass on to this port what it gets, and say nothing itself."""
    balancer = case.site.balancers.get(
        case.machines.balancers.get(case.machines.client(connection), "")
    )
    if balancer is None:
        return False
    is_service = case.machines.port(connection) == SERVICE_PORT
    return (balancer.service if is_service else balancer.proxy) is BalancerMode.PASSTHROUGH


def _find_instead(connection: Connection, others: list[Connection]) -> Connection | None:
    """The balancer's own TLS to a node at that time, where there is exactly one; others are in order of time."""
    first = bisect_left(others, connection.opened_ns, key=_opened)
    after = bisect_right(others, connection.closed_ns, key=_opened)
    return others[first] if after - first == 1 else None


def _opened(connection: Connection) -> int:
    return connection.opened_ns


def _not_passed(case: Case, connection: Connection, instead: Connection | None) -> Finding:
    """The balancer answered itself; its own TLS to a node at that time shows what it did instead."""
    message = (
        f"{case.machines.tell_server(connection)} answered the ClientHello of "
        f"{case.machines.tell_client(connection)} and passed it to no node"
    )
    endpoints = [connection.client, connection.server]
    if instead is not None:
        message += f"; it opened TLS of its own to {case.machines.tell_server(instead)}"
        endpoints += [instead.client, instead.server]
    return Finding(
        message=message,
        packets=gather(_hello(connection), _hello(instead) if instead is not None else ()),
        endpoints=tuple(endpoints),
    )


def _judge_certificates(
    case: Case, connection: Connection, same: list[Connection]
) -> Iterator[Judgement]:
    front = _leaf(connection)
    backs = {leaf: c for c in same if (leaf := _leaf(c)) is not None}
    if front is None or not backs or front in backs:
        return
    back, other = next(iter(backs.items()))
    yield Finding(
        message=(
            f"{case.machines.tell_server(connection)} showed {case.machines.tell_client(connection)} the certificate "
            f"sha256 {front[:16]}, but {case.machines.tell_server(other)} behind it showed {back[:16]}"
        ),
        packets=gather(_hello(connection), _hello(other)),
        endpoints=(connection.client, connection.server, other.client, other.server),
    )


def _leaf(connection: Connection) -> str | None:
    tls = connection.tls
    return (
        tls.server_certificates[0].sha256 if tls is not None and tls.server_certificates else None
    )


def _hello(connection: Connection) -> tuple[PacketNumber, ...]:
    tls = connection.tls
    hellos = seen(tls.client_hello, tls.server_hello) if tls is not None else ()
    return hellos or opening(connection)


V14 = Check(
    id="V14",
    promise="A balancer passes the TLS of its pass-through ports to a node unchanged.",
    source="V14; F36 F37 F42",
    needs=(COMPLETE, HELLOS),
    judge=_judge,
    looked_at=LookedAt(
        "connection", lambda case: count_own(case.trace, *case.legs.outer, *case.legs.fronts)
    ),
)
