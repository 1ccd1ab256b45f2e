"""V03 freshness: a certificate is there from before the tunnel's first byte until the tunnel ends, and no longer."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.call_back_form import find_fingerprint
from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, Unjudged
from harness.checks.evidence import answering, asking, gather, opening
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, HELLOS, PROXY_CONTENT
from harness.checks.tunnel import CallBackOf, Owner
from harness.trace.connection import Connection
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding

NOT_FOUND = 404


def _judge(case: Case) -> Iterator[Judgement]:
    owners, unowned = case.owners, case.unowned
    read: set[int] = set()
    for asked in case.call_backs:
        listed = owners.get(asked.key, ())
        living = [o for o in listed if o.lives(asked.asked_ns)]
        if asked.is_answered:
            yield from _judge_handed(case, asked, listed, living, unowned.get(asked.key, ()))
            read |= {owner.upstream.number for owner in living}
        elif asked.call_back.status == NOT_FOUND and len(living) == 1:
            (owner,) = living
            is_there = owner.certificate is not None and owner.upstream.number not in read
            if is_there and not _is_too_old(case, asked, owner):
                yield Absent(finding=_late(case, asked, owner))


def is_dead_read(
    asked: CallBackOf, living: list[Owner], unowned: tuple[Connection, ...]
) -> bool | None:
    """Whether a certificate was handed out for a port that carries nothing; None: it may carry something."""
    if living:
        return False
    perhaps = [c for c in unowned if c.opened_ns <= asked.asked_ns <= c.closed_ns]
    return None if perhaps else True


def _judge_handed(
    case: Case,
    asked: CallBackOf,
    listed: tuple[Owner, ...],
    living: list[Owner],
    unowned: tuple[Connection, ...],
) -> Iterator[Judgement]:
    told = tell_handed(case, asked)
    before = [o for o in listed if o.ended_ns is not None and o.ended_ns < asked.asked_ns]
    packets = gather(
        *(opening(o.upstream) for o in before[-1:]),
        asking(asked.call_back.exchange),
        answering(asked.call_back.exchange),
    )
    is_dead = is_dead_read(asked, living, unowned)
    if is_dead is None:
        reason = f"{told}, and whether a tunnel owned that port was not seen"
        yield Unjudged(reason=reason, packets=packets)
    elif is_dead:
        when = (
            "after the tunnel of that port had ended" if before else "and no tunnel has that port"
        )
        # A tunnel that is not in the file may have got the port meanwhile.
        yield Absent(finding=_finding(f"{told} {when}", asked, packets))
    elif all(_is_too_old(case, asked, owner) for owner in living):
        why = f"more than {case.site.certificate_lifetime_s} s after its tunnel was opened"
        yield _finding(f"{told} {why}", asked, gather(opening(living[0].upstream), packets))
    else:
        given = find_fingerprint(asked.call_back.exchange, case.site)
        own = {o.certificate.sha256 for o in living if o.certificate is not None}
        old = {o.certificate.sha256 for o in before if o.certificate is not None}
        if given in old - own and all(o.certificate is not None for o in living):
            why = "of an earlier tunnel of the same port, which had ended"
            yield _finding(f"{told} {why}", asked, gather(opening(living[0].upstream), packets))


def _is_too_old(case: Case, asked: CallBackOf, owner: Owner) -> bool:
    """Whether the site's lifetime of a stored certificate was over."""
    lifetime_s = case.site.certificate_lifetime_s
    return lifetime_s is not None and asked.asked_ns - owner.begun_ns > lifetime_s * 1_000_000_000


def tell_handed(case: Case, asked: CallBackOf) -> str:
    """Who handed out what to whom."""
    server = case.machines.tell_server(asked.connection)
    caller = case.machines.tell_address(asked.call_back.caller)
    return f"{server} handed out to {caller} the certificate of port {asked.call_back.key}"


def _late(case: Case, asked: CallBackOf, owner: Owner) -> Finding:
    server = case.machines.tell_server(asked.connection)
    opened = owner.proxy.tunnel.opened.packets if owner.proxy.tunnel is not None else ()
    return _finding(
        f"{server} had no certificate for port {owner.port}, although it had opened the tunnel of "
        f"{case.machines.tell_client(owner.proxy)} before",
        asked,
        gather(
            opened,
            opening(owner.upstream),
            asking(asked.call_back.exchange),
            answering(asked.call_back.exchange),
        ),
    )


def _finding(message: str, asked: CallBackOf, packets: tuple[PacketNumber, ...]) -> Finding:
    return Finding(
        message=message,
        packets=packets,
        endpoints=(asked.connection.client, asked.connection.server),
    )


V03 = Check(
    id="V03",
    promise="A tunnel's certificate can be had as soon as the tunnel is open, and not once it has ended.",
    source="V03; F01 F06 F08 F12 F79",
    needs=(COMPLETE, HELLOS, PROXY_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
