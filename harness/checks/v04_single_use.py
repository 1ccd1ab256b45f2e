"""V04 single use: a login reads the certificate of its tunnel once, and then it is gone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, Unjudged
from harness.checks.evidence import answering, asking, gather
from harness.checks.need import (
    CALL_BACK_CONTENT,
    COMPLETE,
    HELLOS,
    NODE_SERVICE_CONTENT,
    PROXY_CONTENT,
)
from harness.checks.tunnel import CallBackOf, Key, Owner
from harness.checks.v03_freshness import tell_handed
from harness.site.sign_in import find_app
from harness.trace.journey import Front, ServiceRequest
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    owners = case.owners
    asked_by_key: dict[Key, list[CallBackOf]] = defaultdict(list)
    for asked in case.call_backs:
        asked_by_key[asked.key].append(asked)
    yield from _judge_retries(case)
    for key, calls in asked_by_key.items():
        yield from _judge_reads(case, [c for c in calls if c.is_answered], owners.get(key, ()))


def _judge_reads(
    case: Case, handed: list[CallBackOf], owners: tuple[Owner, ...]
) -> Iterator[Judgement]:
    """Each second certificate for one tunnel, unless two logins of that very tunnel asked."""
    first: dict[int | None, CallBackOf] = {}
    for asked in handed:
        owner = _find_owner(asked, owners)
        number = owner.upstream.number if owner is not None else None
        if number not in first:
            first[number] = asked
            continue
        before = first[number]
        if owner is not None and _are_two_logins(before, asked, owner):
            continue
        packets = gather(
            answering(before.call_back.exchange),
            asking(asked.call_back.exchange),
            answering(asked.call_back.exchange),
        )
        told = f"{tell_handed(case, asked)}, which it had handed out before"
        if owner is None and owners:
            yield Unjudged(reason=f"{told}, maybe for another tunnel", packets=packets)
        elif owner is not None and None in (asked.request, before.request):
            yield Unjudged(reason=f"{told}, and for which logins is not known", packets=packets)
        else:
            finding = Finding(
                message=told,
                packets=packets,
                endpoints=(asked.connection.client, asked.connection.server),
            )
            # A tunnel that was not seen may own the port by now.
            yield Absent(finding=finding)


def _find_owner(asked: CallBackOf, owners: tuple[Owner, ...]) -> Owner | None:
    """The tunnel that was there; where it had ended (V03), the last one before."""
    begun = [o for o in owners if o.begun_ns <= asked.asked_ns]
    return begun[-1] if begun else None


def _are_two_logins(one: CallBackOf, other: CallBackOf, owner: Owner) -> bool:
    """Whether two requests asked, each through the tunnel's own connection."""
    requests = one.request, other.request
    if any(r is None or not _came_through(r, owner) for r in requests):
        return False
    assert one.request is not None
    assert other.request is not None
    return _login(one.request) != _login(other.request)


def _came_through(request: ServiceRequest, owner: Owner) -> bool:
    return (
        isinstance(request.front, Front)
        and request.front.connection.number == owner.upstream.number
    )


def _login(request: ServiceRequest) -> bytes:
    message = request.exchange.request
    return message.target if message is not None else b""


def _judge_retries(case: Case) -> Iterator[Judgement]:
    """F41: a balancer sent one login to two nodes; whichever comes second finds nothing, or a second copy."""
    asked: Counter[bytes] = Counter(
        e.request.target
        for c in case.legs.fronts
        if case.machines.server(c) in case.machines.balancers
        for e in c.exchanges
        if e.request is not None
    )
    sent: dict[bytes, list[ServiceRequest]] = defaultdict(list)
    for request in case.journeys.requests:
        is_relayed = case.machines.client(request.connection) in case.machines.balancers
        if is_relayed and find_app(_login(request)) is not None:
            sent[_login(request)].append(request)
    for login, requests in sent.items():
        if len(requests) <= max(asked[login], 1):
            continue
        servers = (case.machines.tell_server(r.connection) for r in requests)
        told = (
            f"{case.machines.tell_client(requests[-1].connection)} sent {asked[login] or 1} sign-in "
            f"{len(requests)} times: to {' and '.join(servers)}"
        )
        packets = gather(*(asking(r.exchange) for r in requests))
        if not asked[login]:
            reason = f"{told}; how often it had got it was not seen"
            yield Unjudged(reason=reason, packets=packets)
            continue
        yield Finding(
            message=told,
            packets=packets,
            endpoints=tuple(
                dict.fromkeys(
                    e for r in requests for e in (r.connection.client, r.connection.server)
                )
            ),
        )


V04 = Check(
    id="V04",
    promise="A certificate is handed out once for each login, and then it is gone.",
    source="V04; F09 F41 F49",
    needs=(COMPLETE, HELLOS, PROXY_CONTENT, NODE_SERVICE_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
