"""V12 proof: a resumed session stands on a proof at the same listener that still counts."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.call_back_form import find_fingerprint
from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, Unjudged
from harness.checks.evidence import answering, asking, gather, opening, seen
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, PROXY_CONTENT
from harness.checks.proof import Proof, find_proof, find_shown
from harness.checks.tunnel import find_call_backs
from harness.checks.v03_freshness import tell_handed
from harness.trace.connection import Connection
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    for connection in case.legs.proxy:
        tls = connection.tls
        if tls is None or connection.tunnel is None:
            continue
        told = f"{case.machines.tell_server(connection)} opened a tunnel for {case.machines.tell_client(connection)}"
        packets = gather(seen(tls.client_hello, tls.server_hello), connection.tunnel.opened.packets)
        if tls.early_data == "accepted":
            yield _finding(
                f"{told} out of early data, which anybody can replay", connection, packets
            )
        if tls.resumed:
            yield from _judge_resumption(case, connection, told, packets)
    yield from _judge_handed(case)


def _judge_resumption(
    case: Case, connection: Connection, told: str, packets: tuple[PacketNumber, ...]
) -> Iterator[Judgement]:
    ancestors = _find_ancestors(case, connection)
    if len(ancestors) != 1:
        reason = f"{told} on a resumed session, and which handshake began it was not seen"
        yield Unjudged(reason=reason, packets=packets)
        return
    (ancestor,) = ancestors
    where = case.machines.tell_server(ancestor)
    packets = gather(opening(ancestor), packets)
    role, own = (case.machines.role(c.server, tap=c.tap) for c in (ancestor, connection))
    proof = find_proof(case, ancestor)
    shown = find_shown(case, ancestor)
    if role != own:
        yield _finding(f"{told} on a session that began at {where}", connection, packets)
    elif proof is Proof.NONE:
        why = f"on a session that began at {where} without a proof"
        yield _finding(f"{told} {why}", connection, packets)
    elif proof is Proof.UNKNOWN or shown is None:
        yield Unjudged(reason=f"{told}, and what the session's first handshake proved is not known")
    elif not shown.not_before_ns <= connection.opened_ns <= shown.not_after_ns:
        why = "on a resumed session whose certificate is not valid any more"
        yield _finding(f"{told} {why}", connection, packets)


def _find_ancestors(case: Case, connection: Connection) -> list[Connection]:
    """Where the session began, at any listener of the site: whoever gave out its ticket; else its session id says."""
    assert connection.tls is not None
    listed = {c.number: c for c in (*case.legs.proxy, *case.legs.admin, *case.legs.service)}
    ticket = connection.tls.resumed_ticket
    if ticket is not None:
        return [c for c in listed.values() if c.tls is not None and ticket in c.tls.tickets]
    wanted = connection.tls.session_id
    if not wanted:
        return []
    return [
        c
        for c in listed.values()
        if c.tls is not None
        and not c.tls.resumed
        and c.tls.established
        and c.tls.session_id == wanted
        and c.opened_ns < connection.opened_ns
    ]


def _judge_handed(case: Case) -> Iterator[Judgement]:
    """F54: a certificate that nobody has proved at this node."""
    for asked in find_call_backs(case):
        given = find_fingerprint(asked.call_back.exchange, case.site) if asked.is_answered else None
        if given is None:
            continue
        at_node = [
            c
            for c in case.legs.proxy
            if case.machines.server(c) == asked.call_back.target and c.opened_ns < asked.asked_ns
        ]
        shown = [find_shown(case, c) for c in at_node]
        if any(certificate is not None and certificate.sha256 == given for certificate in shown):
            continue
        packets = gather(asking(asked.call_back.exchange), answering(asked.call_back.exchange))
        told = (
            f"{tell_handed(case, asked)}: sha256 {given[:16]}, which nobody had proved at that node"
        )
        if any(c.tls is not None and c.tls.decrypted != "yes" for c in at_node):
            yield Unjudged(reason=f"{told} that could be read", packets=packets)
        else:
            yield Absent(finding=_finding(told, asked.connection, packets))


def _finding(message: str, connection: Connection, packets: tuple[PacketNumber, ...]) -> Finding:
    return Finding(
        message=message, packets=packets, endpoints=(connection.client, connection.server)
    )


V12 = Check(
    id="V12",
    promise="Every tunnel and every certificate handed out goes back to a proof at that very node that still counts.",
    source="V12; F54 F68 F69 F70 F71",
    needs=(COMPLETE, PROXY_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
