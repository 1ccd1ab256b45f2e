"""V05 right node: the call-back goes to the node that opened the connection (L3) behind the request."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.alternatives import settle
from harness.checks.attribution import names_port
from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, LookedAt, Unjudged
from harness.checks.evidence import asking, count_own, gather, opening
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, SERVICE_CONTENT
from harness.checks.v06_header_origin import find_refusal, is_header_used
from harness.trace.journey import (
    Ambiguous,
    CallBack,
    Caused,
    Front,
    ServiceRequest,
    UnclearCallBack,
    find_call_backs,
)
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    for call_back in case.journeys.uncaused:
        yield Absent(
            finding=Finding(
                message=f"{_told(case, call_back)}, and no request at {_caller(case, call_back)} asked for it",
                packets=gather(asking(call_back.exchange)),
                endpoints=(call_back.connection.client, call_back.connection.server),
            )
        )
    for unclear in case.journeys.unclear:
        yield from _judge_unclear(case, unclear)
    for request in case.journeys.requests:
        for caused in request.call_backs:
            yield from _judge_caused(case, request, caused)


def _judge_unclear(case: Case, unclear: UnclearCallBack) -> Iterator[Judgement]:
    """One of several requests caused it: right or wrong for all of them, or undecided."""
    call_back, requests = unclear.call_back, unclear.requests
    caller = _caller(case, call_back)
    is_known = all(isinstance(request.front, Front) for request in requests)
    if is_known and not any(names_port(r, call_back, case.machines) for r in requests):
        message = f"{_told(case, call_back)}, and of {len(requests)} open requests at {caller} none names that port"
        packets = gather(asking(call_back.exchange), *(asking(r.exchange) for r in requests))
        ends = (call_back.connection.client, call_back.connection.server)
        yield Absent(finding=Finding(message=message, packets=packets, endpoints=ends))
        return
    doubt = Unjudged(
        reason=f"{_told(case, call_back)}; several requests at {caller} could have caused it",
        packets=asking(call_back.exchange),
    )
    caused = Caused(call_back=call_back, matches=False)
    yield from settle([tuple(_judge_caused(case, r, caused)) for r in requests], doubt)


def _judge_caused(case: Case, request: ServiceRequest, caused: Caused) -> Iterator[Judgement]:
    call_back, front = caused.call_back, request.front
    if is_header_used(case, request, call_back) and find_refusal(case, request):
        return  # The header had no right to any effect: V06.
    if isinstance(front, Ambiguous):
        yield Unjudged(
            reason=f"{_told(case, call_back)}, but {front.reason}", packets=front.packets
        )
        return
    if front is None:
        reason = f"{_told(case, call_back)}, but the connection behind the request that caused it was not found"
        yield Unjudged(
            reason=reason, packets=gather(asking(request.exchange), asking(call_back.exchange))
        )
        return
    if front.node == call_back.target:
        return
    finding = _finding(case, request, call_back, front)
    # Only the times name the cause: another request, not in the file, could be the real one.
    yield finding if caused.matches else Absent(finding=finding)


def _finding(case: Case, request: ServiceRequest, call_back: CallBack, front: Front) -> Finding:
    opener = case.machines.tell_client(front.connection)
    why = (
        f"the request that caused it came through {opener}"
        if front.node is not None
        else f"the request that caused it came from {opener}, through no node's proxy"
    )
    return Finding(
        message=f"{_told(case, call_back)}, but {why}",
        packets=gather(
            opening(front.connection), asking(request.exchange), asking(call_back.exchange)
        ),
        endpoints=(
            call_back.connection.client,
            call_back.connection.server,
            request.connection.client,
            request.connection.server,
            front.connection.client,
            front.connection.server,
        ),
    )


def _caller(case: Case, call_back: CallBack) -> str:
    return case.machines.tell_address(call_back.caller)


def _told(case: Case, call_back: CallBack) -> str:
    server = case.machines.tell_server(call_back.connection)
    return f"{_caller(case, call_back)} asked {server} for the certificate of port {call_back.key}"


V05 = Check(
    id="V05",
    promise="A certificate is asked of the node whose proxy opened the connection.",
    source="V05; F24 F44",
    needs=(COMPLETE, SERVICE_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
    looked_at=LookedAt(
        "call-back",
        lambda case: count_own(case.trace, *(c.exchange for c in find_call_backs(case.journeys))),
    ),
)
