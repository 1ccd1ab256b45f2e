"""V11 mutual TLS: nothing is proxied for a client that has not proved a certificate in its handshake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from harness.checks.call_back_form import find_key
from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, LookedAt, Unjudged
from harness.checks.evidence import answering, asking, count_own, gather, opening, seen
from harness.checks.joining import inner_random, outer_random
from harness.checks.need import COMPLETE, PROXY_CONTENT
from harness.checks.policy import TCP
from harness.checks.proof import Proof
from harness.net.address import Address
from harness.trace.connection import Connection
from harness.trace.http import Exchange
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    at_nodes = {outer_random(c) for c in case.legs.proxy}
    # A session passed through is judged once, at the node that ends it.
    own = tuple(
        c for c in case.legs.outer if outer_random(c) is None or outer_random(c) not in at_nodes
    )
    for connection in (*case.legs.proxy, *own):
        yield from _judge_session(case, connection)
    yield from _judge_upstream(case)


def _judge_session(case: Case, connection: Connection) -> Iterator[Judgement]:
    opened = [
        e
        for e in _connects(connection)
        if e.response is not None and 200 <= e.response.status < 300
    ]
    if opened:
        proof = case.proofs.find_proof(connection)
        told = f"{case.machines.tell_server(connection)} opened a tunnel for {case.machines.tell_client(connection)}"
        packets = gather(_handshake(connection), asking(opened[0]), answering(opened[0]))
        if proof is Proof.NONE:
            yield _finding(f"{told}, which proved no client certificate", connection, packets)
        elif proof is Proof.UNKNOWN:
            reason = f"{told}, and whether that proved a certificate was not seen"
            yield Unjudged(reason=reason, packets=packets)
    elif _is_open_to_all(case, connection):
        message = (
            f"{case.machines.tell_server(connection)} asked {case.machines.tell_client(connection)} "
            "for no client certificate and took its data"
        )
        tls = connection.tls
        assert tls is not None
        packets = gather(seen(tls.client_hello, tls.server_finished, tls.client_application_data))
        finding = _finding(message, connection, packets or opening(connection))
        yield finding if tls.decrypted == "yes" else Absent(finding=finding)


def _is_open_to_all(case: Case, connection: Connection) -> bool:
    """A finished handshake that asked for no certificate, and then data; call-backs are V09's."""
    tls = connection.tls
    if tls is None or tls.resumed or not tls.established:
        return False
    requests = [e.request for e in connection.exchanges if e.request is not None]
    is_call_back = bool(requests) and all(find_key(r, case.site) is not None for r in requests)
    return (
        tls.certificate_request is None
        and tls.client_application_data is not None
        and not is_call_back
    )


def _judge_upstream(case: Case) -> Iterator[Judgement]:
    """F74: the node acted on a CONNECT before it refused the client; no tunnel joins such a connection."""
    tunnels = {inner_random(c) for c in case.legs.proxy} - {None}
    loose = [
        c
        for c in case.legs.opened
        if outer_random(c) not in tunnels
        and not (
            case.machines.server(c) in case.machines.nodes
            and case.machines.port(c) in case.machines.certificate_ports
        )
        and (TCP, c.server) not in case.policy.other_services
    ]
    fronts = {c.number for c in case.legs.fronts}
    for upstream, waiting in _find_waiting(case, loose):
        if not waiting and upstream.number in fronts:
            yield from _judge_unasked(case, upstream)
        proofs = [case.proofs.find_proof(c) for c in waiting]
        if Proof.NONE not in proofs:
            continue
        unproven = waiting[proofs.index(Proof.NONE)]
        told = (
            f"{case.machines.tell_client(upstream)} connected to {case.machines.tell_server(upstream)} "
            f"while {case.machines.tell_client(unproven)} asked for it without a client certificate"
        )
        packets = gather(_handshake(unproven), opening(upstream))
        if Proof.GIVEN in proofs or Proof.UNKNOWN in proofs:
            yield Unjudged(reason=f"{told}, but others asked as well", packets=packets)
        else:
            yield Absent(finding=_finding(told, unproven, packets))


def _judge_unasked(case: Case, upstream: Connection) -> Iterator[Judgement]:
    """F39: nobody asked for it, and somebody who proved nothing was there: a probe makes connections."""
    silent = [
        c
        for c in case.legs.proxy
        if case.machines.server(c) == case.machines.client(upstream)
        and c.opened_ns <= upstream.opened_ns <= c.closed_ns
        and c.tls is not None
        and c.tls.established
        and not c.exchanges
        and case.proofs.find_proof(c) is Proof.NONE
    ]
    if silent:
        told = (
            f"{case.machines.tell_client(upstream)} connected to {case.machines.tell_server(upstream)}, for which "
            f"nobody had asked, while {case.machines.tell_client(silent[0])} was there without a client certificate"
        )
        packets = gather(_handshake(silent[0]), opening(upstream))
        yield Absent(finding=_finding(told, silent[0], packets))


def _find_waiting(
    case: Case, loose: list[Connection]
) -> Iterator[tuple[Connection, list[Connection]]]:
    """To each connection of a node those whose CONNECT was unanswered there when it was opened."""
    asked: dict[Address, list[tuple[int, int, Connection]]] = defaultdict(list)
    for proxy in case.legs.proxy if loose else ():
        for exchange in _connects(proxy):
            assert exchange.request is not None
            answer = exchange.response
            end_ns = answer.first_ns if answer is not None else proxy.closed_ns
            asked[case.machines.server(proxy)].append((exchange.request.first_ns, end_ns, proxy))
    found: dict[int, list[Connection]] = {}
    for node, steps in asked.items():
        steps.sort(key=lambda step: step[0])
        at, waiting = 0, list[tuple[int, int, Connection]]()
        mine = (c for c in loose if case.machines.client(c) == node)
        for upstream in sorted(mine, key=lambda c: c.opened_ns):
            while at < len(steps) and steps[at][0] <= upstream.opened_ns:
                waiting.append(steps[at])
                at += 1
            waiting = [step for step in waiting if step[1] >= upstream.opened_ns]
            listed = {proxy.number: proxy for _, _, proxy in waiting}
            found[upstream.number] = [listed[number] for number in sorted(listed)]
    return ((upstream, found.get(upstream.number, [])) for upstream in loose)


def _connects(connection: Connection) -> Iterator[Exchange]:
    return (
        e for e in connection.exchanges if e.request is not None and e.request.method == b"CONNECT"
    )


def _handshake(connection: Connection) -> tuple[PacketNumber, ...]:
    """Where the certificate should be: the client's Certificate message if there is one, else its Finished."""
    tls = connection.tls
    if tls is None:
        return opening(connection)
    return seen(tls.client_hello, tls.client_certificate or tls.client_finished) or opening(
        connection
    )


def _finding(message: str, connection: Connection, packets: tuple[PacketNumber, ...]) -> Finding:
    return Finding(
        message=message, packets=packets, endpoints=(connection.client, connection.server)
    )


V11 = Check(
    id="V11",
    promise="Nothing is proxied for a client that has not proved a certificate.",
    source="V11; F36 F39 F67 F74",
    needs=(COMPLETE, PROXY_CONTENT),
    judge=_judge,
    looked_at=LookedAt(
        "connection", lambda case: count_own(case.trace, *case.legs.outer, *case.legs.proxy)
    ),
)
