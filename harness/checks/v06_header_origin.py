"""V06 header origin: RemotePort has an effect only from an accepted peer, and never a client's own value."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.alternatives import settle
from harness.checks.case import Case
from harness.checks.check import Check, Judgement, LookedAt, Unjudged
from harness.checks.evidence import asking, count_own, gather, opening
from harness.checks.headers import find_claimed_ports, port_header, port_values, show
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, SERVICE_CONTENT
from harness.checks.policy import Policy
from harness.trace.connection import Connection
from harness.trace.journey import (
    Ambiguous,
    CallBack,
    Front,
    ServiceRequest,
    UnclearCallBack,
    find_call_backs,
)
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding


def is_header_used(case: Case, request: ServiceRequest, call_back: CallBack) -> bool:
    """Whether the key came from the request's RemotePort and not from its TCP peer."""
    message = request.exchange.request
    return (
        message is not None
        and call_back.key in find_claimed_ports(message, case.site)
        and call_back.key != request.connection.client.port
    )


def find_refusal(case: Case, request: ServiceRequest) -> str | None:
    """Why the request's RemotePort must have no effect at the node that got it; None: it may have."""
    peer = case.machines.peer(request.connection)
    refusals = [policy.refusal(peer) for policy in find_policies(case, request)]
    return refusals[0] if refusals and None not in refusals else None


def find_policies(case: Case, request: ServiceRequest) -> tuple[Policy, ...]:
    """What the page of the node says while it answers a request."""
    node, exchange = case.machines.server(request.connection), request.exchange
    first_ns = exchange.request.first_ns if exchange.request else request.connection.opened_ns
    last_ns = exchange.response.last_ns if exchange.response else request.connection.closed_ns
    return case.rules.during(node, first_ns, last_ns) or (case.policy,)


def _find_instance_refusal(case: Case, request: ServiceRequest, call_back: CallBack) -> str | None:
    target = call_back.target
    for policy in find_policies(case, request):
        if policy.instances is None or policy.instances.allows(target):
            return None
    return f"{case.machines.tell_address(target)} is not in Cert Proxy instances"


def _judge(case: Case) -> Iterator[Judgement]:
    for request in case.journeys.requests:
        for caused in request.call_backs:
            if is_header_used(case, request, caused.call_back):
                yield from _judge_used(case, request, caused.call_back)
    for unclear in case.journeys.unclear:
        yield from _judge_unclear(case, unclear)


def _judge_unclear(case: Case, unclear: UnclearCallBack) -> Iterator[Judgement]:
    """One of several requests caused it: no header of theirs may have had this effect."""
    call_back, requests = unclear.call_back, unclear.requests
    stories = [
        tuple(_judge_used(case, r, call_back)) if is_header_used(case, r, call_back) else ()
        for r in requests
    ]
    name = port_header(case.site)
    doubt = Unjudged(
        reason=f"it cannot be told whether {name} had an effect in {_told(case, requests[0])}",
        packets=gather(asking(call_back.exchange), *(asking(r.exchange) for r in requests)),
    )
    yield from settle(stories, doubt)


def _judge_used(case: Case, request: ServiceRequest, call_back: CallBack) -> Iterator[Judgement]:
    connection = request.connection
    effect = (
        f"{case.machines.tell_address(call_back.caller)} asked {case.machines.tell_server(call_back.connection)} "
        f"for the certificate of port {call_back.key} because of {port_header(case.site)} in {_told(case, request)}"
    )
    refusal = find_refusal(case, request) or _find_instance_refusal(case, request, call_back)
    if refusal is not None:
        yield _finding(f"{effect}, although {refusal}", request, call_back, connection)
        return
    front = request.front
    if isinstance(front, Ambiguous):
        yield Unjudged(reason=f"{effect}, but {front.reason}", packets=front.packets)
    elif front is None:
        yield Unjudged(
            reason=f"{effect}, but the connection the request came from was not found",
            packets=asking(request.exchange),
        )
    elif _is_from_client(case, request, front, call_back.key):
        opener = case.machines.tell_client(front.connection)
        sent = asking(front.exchange) if front.exchange is not None else ()
        yield _finding(
            f"{effect}, although the client wrote it: the request came from {opener}",
            request,
            call_back,
            front.connection,
            packets=gather(opening(front.connection), sent),
        )


def _is_from_client(case: Case, request: ServiceRequest, front: Front, key: int) -> bool:
    """Whether the value was there before any balancer, and is not the true port."""
    if (
        front.exchange is None
        or front.exchange.request is None
        or key == front.connection.client.port
    ):
        return False
    is_relayed = front.connection is not request.connection or front.node is not None
    return is_relayed and key in find_claimed_ports(front.exchange.request, case.site)


def _finding(
    message: str,
    request: ServiceRequest,
    call_back: CallBack,
    origin: Connection,
    *,
    packets: tuple[PacketNumber, ...] = (),
) -> Finding:
    return Finding(
        message=message,
        packets=gather(asking(request.exchange), asking(call_back.exchange), packets),
        endpoints=(
            origin.client,
            origin.server,
            request.connection.client,
            request.connection.server,
            call_back.connection.client,
            call_back.connection.server,
        ),
    )


def _told(case: Case, request: ServiceRequest) -> str:
    connection, message = request.connection, request.exchange.request
    assert message is not None
    values = show(port_values(message, case.site))
    client = case.machines.tell_client(connection)
    return f"the request from {client} to {case.machines.tell_server(connection)} ({values})"


V06 = Check(
    id="V06",
    promise="RemotePort has an effect only when an accepted balancer set it.",
    source="V06; F15 F17 F18 F28",
    needs=(COMPLETE, SERVICE_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
    looked_at=LookedAt(
        "call-back",
        lambda case: count_own(case.trace, *(c.exchange for c in find_call_backs(case.journeys))),
    ),
)
