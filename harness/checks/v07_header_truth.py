"""V07 header truth: RemotePort and X-Forwarded-For name the connection that the balancer really got."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.alternatives import settle
from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, LookedAt, Unjudged
from harness.checks.evidence import asking, count_own, gather, opening
from harness.checks.headers import find_listed, find_pick, find_remote_port, port_header, show
from harness.checks.need import (
    CALL_BACK_CONTENT,
    COMPLETE,
    SERVICE_CONTENT,
)
from harness.trace.connection import Connection
from harness.trace.http import Request
from harness.trace.journey import Ambiguous, CallBack, Front, ServiceRequest
from harness.verdict.finding import Finding

_Unread = list[tuple[Connection, str]]
"""Connections of which not everything is known, and why."""


def is_from_terminating(case: Case, request: ServiceRequest) -> bool:
    """Whether a balancer that ends TLS sent the request, so that it answers for the headers."""
    name = case.machines.balancers.get(case.machines.client(request.connection))
    return name is not None and case.site.balancers[name].service.ends_tls


def find_balanced(case: Case) -> Iterator[ServiceRequest]:
    """The requests for whose headers a balancer answers."""
    return (r for r in case.journeys.requests if is_from_terminating(case, r))


def _judge(case: Case) -> Iterator[Judgement]:
    hidden = [(c, reason) for c in case.legs.fronts if (reason := case.unreadable.get(c.number))]
    for request in case.journeys.requests:
        message = request.exchange.request
        if message is None or not is_from_terminating(case, request):
            continue
        port = find_remote_port(message, case.site)
        if port is None:
            continue  # Number and form of the lines: V08.
        yield from _judge_truth(case, request, message, port, hidden)
        for caused in request.call_backs:
            yield from _judge_used(case, request, caused.call_back)
    for unclear in case.journeys.unclear:
        stories = [tuple(_judge_used(case, r, unclear.call_back)) for r in unclear.requests]
        doubt = Unjudged(
            reason=f"it cannot be told which element of {case.site.header_names.forwarded_for} was used",
            packets=gather(
                asking(unclear.call_back.exchange), *(asking(r.exchange) for r in unclear.requests)
            ),
        )
        yield from settle(stories, doubt)


def _judge_truth(
    case: Case, request: ServiceRequest, message: Request, port: int, unread: _Unread
) -> Iterator[Judgement]:
    front = request.front
    sender = case.machines.tell_client(request.connection)
    told = f"the request from {sender} to {case.machines.tell_server(request.connection)}"
    name = port_header(case.site)
    if isinstance(front, Ambiguous):
        yield Unjudged(reason=f"{told}: {front.reason}", packets=front.packets)
        return
    if front is None:
        reason = f"{told} carries {name} {port}, and no request to the balancer was found that it belongs to"
        yield Unjudged(reason=reason, packets=asking(request.exchange))
        return
    true = front.connection.client
    opener = case.machines.tell_client(front.connection)
    found = []
    if port != true.port:
        text = f"{told} says {name} {port}, but it came from {opener}"
        found.append(_finding(text, request, front))
    pick = find_pick(message, case.site)
    if pick is not None and pick != true.address:
        text = f"{told} names {pick} in {case.site.header_names.forwarded_for}, but it came from {opener}"
        found.append(_finding(text, request, front))
    hidden = _find_hidden(case, front.connection, unread) if found else None
    for finding in found:
        if hidden is None:
            yield finding
        else:
            reason = f"{finding.message}, or from a connection that could not be read: {hidden}"
            yield Unjudged(reason=reason, packets=finding.packets)


def _find_hidden(case: Case, front: Connection, unread: _Unread) -> str | None:
    """Why the same request could have come another way: content joins it, and not all content was read."""
    for other, reason in unread:
        if (
            case.machines.server(other) == case.machines.server(front)
            and other.opened_ns <= front.closed_ns
            and front.opened_ns <= other.closed_ns
        ):
            return reason
    return None


def _judge_used(case: Case, request: ServiceRequest, call_back: CallBack) -> Iterator[Judgement]:
    """Another element of the list was used than the one the site's rule names (F24)."""
    message = request.exchange.request
    if message is None or not is_from_terminating(case, request):
        return
    port, pick = find_remote_port(message, case.site), find_pick(message, case.site)
    if port is None or pick is None:
        return
    first = case.machines.first
    listed = {first(address) for address in find_listed(message, case.site)}
    if call_back.target == first(pick) or call_back.target not in listed:
        return
    balancers, name = case.site.cert_proxy.hops, case.site.header_names.forwarded_for
    finding = Finding(
        message=(
            f"{case.machines.tell_address(call_back.caller)} asked "
            f"{case.machines.tell_server(call_back.connection)} "
            f"for a certificate because of {name} {show(message.values(name))}, "
            f"but element {balancers} from the right is {case.machines.tell_address(pick)}"
        ),
        packets=gather(asking(request.exchange), asking(call_back.exchange)),
        endpoints=(
            request.connection.client,
            request.connection.server,
            call_back.connection.client,
            call_back.connection.server,
        ),
    )
    yield finding if call_back.key == port else Absent(finding=finding)


def _finding(message: str, request: ServiceRequest, front: Front) -> Finding:
    return Finding(
        message=message,
        packets=gather(opening(front.connection), asking(request.exchange)),
        endpoints=(
            front.connection.client,
            front.connection.server,
            request.connection.client,
            request.connection.server,
        ),
    )


V07 = Check(
    id="V07",
    promise="RemotePort and X-Forwarded-For name the connection the request came through.",
    source="V07; F15 F24",
    needs=(COMPLETE, SERVICE_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
    looked_at=LookedAt(
        "balanced request",
        lambda case: count_own(case.trace, *(r.exchange for r in find_balanced(case))),
    ),
)
