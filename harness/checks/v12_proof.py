"""V12 proof: a resumed session stands on a proof at the same listener that still counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from harness.checks.call_back_form import find_fingerprint
from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, Unjudged
from harness.checks.evidence import answering, asking, gather, opening, seen
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, PROXY_CONTENT
from harness.checks.proof import Proof
from harness.checks.unreadable import TLS_1_3
from harness.checks.v03_freshness import tell_handed
from harness.net.address import Address
from harness.trace.connection import Connection
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding

MAX_LIFETIME_S = 604_800
"""RFC 8446 section 4.6.1."""
LENIENCE_NS = 2_000_000_000


class _Origins:
    """Where sessions began, at any listener of the site: whoever gave out the ticket; else the session id says."""

    def __init__(self, case: Case) -> None:
        legs = case.legs
        self._by_ticket: dict[str, list[Connection]] = defaultdict(list)
        self._by_id: dict[bytes, list[Connection]] = defaultdict(list)
        listed = {c.number: c for c in (*legs.proxy, *legs.admin, *legs.service)}
        for connection in listed.values():
            tls = connection.tls
            if tls is None:
                continue
            for ticket in {t.sha256: t for t in tls.tickets}:
                self._by_ticket[ticket].append(connection)
            if tls.issued_session_id and not tls.resumed and tls.established:
                self._by_id[tls.issued_session_id].append(connection)

    def find(self, connection: Connection) -> list[Connection]:
        """All that it can be."""
        assert connection.tls is not None
        ticket = connection.tls.resumed_ticket
        if ticket is not None:
            return self._by_ticket.get(ticket, [])
        same = self._by_id.get(connection.tls.session_id, [])
        return [c for c in same if c.opened_ns < connection.opened_ns]


def _judge(case: Case) -> Iterator[Judgement]:
    origins = _Origins(case)
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
            yield from _judge_resumption(case, connection, told, packets, origins)
    yield from _judge_handed(case)


def _judge_resumption(
    case: Case,
    connection: Connection,
    told: str,
    packets: tuple[PacketNumber, ...],
    origins: _Origins,
) -> Iterator[Judgement]:
    ancestors = origins.find(connection)
    if len(ancestors) != 1:
        reason = f"{told} on a resumed session, and which handshake began it was not seen"
        yield Unjudged(reason=reason, packets=packets)
        return
    (ancestor,) = ancestors
    where = case.machines.tell_server(ancestor)
    packets = gather(opening(ancestor), packets)
    role, own = (case.machines.role(c.server, tap=c.tap) for c in (ancestor, connection))
    proof = case.proofs.find_proof(ancestor)
    shown = case.proofs.find_shown(ancestor)
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
    else:
        yield from _judge_age(case, connection, ancestor, told, packets)


def _judge_age(
    case: Case,
    connection: Connection,
    ancestor: Connection,
    told: str,
    packets: tuple[PacketNumber, ...],
) -> Iterator[Judgement]:
    """A ticket of TLS 1.3 is good for as long as it says, and for seven days at most (RFC 8446 section 4.6.1).

    Before, what it says is a hint, and the server may take it for longer (RFC 5077 section 3.3).
    """
    tls, giver = connection.tls, ancestor.tls
    if tls is None or giver is None or tls.client_hello is None or tls.version != TLS_1_3:
        return
    given = [t for t in giver.tickets if t.sha256 == tls.resumed_ticket]
    if not given:
        return
    lifetime_s = min(given[-1].lifetime_s, MAX_LIFETIME_S)
    age_ns = tls.client_hello.time_ns - given[-1].given_ns
    # Ages are counted in whole seconds, by the client from when the ticket reached it.
    if age_ns > lifetime_s * 1_000_000_000 + LENIENCE_NS + case.trace.slack_ns:
        seconds = age_ns // 1_000_000_000
        why = f"with a ticket that was {seconds} s old and good for {lifetime_s} s"
        yield _finding(f"{told} {why}", connection, packets)


def _judge_handed(case: Case) -> Iterator[Judgement]:
    """F54: a certificate that nobody has proved at this node."""
    proved: dict[tuple[Address, str], int] = {}
    unread: dict[Address, int] = {}
    for connection in case.legs.proxy:
        server, opened_ns = case.machines.server(connection), connection.opened_ns
        for shown in case.proofs.find_all_shown(connection):
            since_ns = proved.get((server, shown.sha256), opened_ns)
            proved[server, shown.sha256] = min(since_ns, opened_ns)
        if connection.tls is not None and connection.tls.decrypted != "yes":
            unread[server] = min(unread.get(server, opened_ns), opened_ns)
    for asked in case.call_backs:
        given = find_fingerprint(asked.call_back.exchange, case.site) if asked.is_answered else None
        if given is None:
            continue
        node = asked.call_back.target
        if proved.get((node, given), asked.asked_ns) < asked.asked_ns:
            continue
        packets = gather(asking(asked.call_back.exchange), answering(asked.call_back.exchange))
        told = (
            f"{tell_handed(case, asked)}: sha256 {given[:16]}, which nobody had proved at that node"
        )
        if unread.get(node, asked.asked_ns) < asked.asked_ns:
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
    source="V12; RFC 8446 section 4.6.1; F54 F68 F69 F70 F71",
    needs=(COMPLETE, PROXY_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
