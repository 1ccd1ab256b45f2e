"""V14 pass-through: TLS that a balancer must pass through reaches a node unchanged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, Unjudged
from harness.checks.evidence import count, gather, opening, seen
from harness.checks.joining import outer_random
from harness.checks.need import COMPLETE, HELLOS
from harness.net.address import Address
from harness.site.site import BalancerMode
from harness.trace.connection import Connection
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    onward: dict[tuple[Address, bytes], list[Connection]] = defaultdict(list)
    onwards: dict[Address, list[Connection]] = defaultdict(list)
    for connection in (*case.legs.relayed, *case.legs.upstream):
        onwards[case.machines.client(connection)].append(connection)
        random = outer_random(connection)
        if random is not None:
            onward[case.machines.client(connection), random].append(connection)
    for connection in (*case.legs.outer, *case.legs.fronts):
        is_passed = case.machines.balancer_mode(connection.server) is BalancerMode.PASSTHROUGH
        if not is_passed or connection.tls is None or connection.tls.server_hello is None:
            continue
        random = outer_random(connection)
        if random is None:
            told = f"no ClientHello from {case.machines.tell_client(connection)} was seen"
            yield Unjudged(reason=told, packets=opening(connection))
            continue
        same = onward[case.machines.server(connection), random]
        if same:
            yield from _judge_certificates(case, connection, same)
        else:
            yield Absent(
                finding=_not_passed(case, connection, onwards[case.machines.server(connection)])
            )


def _not_passed(case: Case, connection: Connection, others: list[Connection]) -> Finding:
    """The balancer answered itself; its own TLS to a node at that time shows what it did instead."""
    during = [c for c in others if connection.opened_ns <= c.opened_ns <= connection.closed_ns]
    instead = during[0] if len(during) == 1 else None
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
    source="V14; F36 F37",
    needs=(COMPLETE, HELLOS),
    judge=_judge,
    looked_at=lambda case: count("connection", (*case.legs.outer, *case.legs.fronts)),
)
