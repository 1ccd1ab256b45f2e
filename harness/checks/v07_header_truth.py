"""V07 header truth: RemotePort and X-Forwarded-For name the connection that the balancer really got."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, Unjudged
from harness.checks.evidence import asking, gather, opening
from harness.checks.headers import find_listed, find_pick, find_remote_port, show
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, SERVICE_CONTENT
from harness.net.forwarding import FORWARDED_FOR
from harness.site.site import BalancerMode
from harness.trace.http import Request
from harness.trace.journey import Ambiguous, Front, ServiceRequest
from harness.verdict.finding import Finding


def is_from_terminating(case: Case, request: ServiceRequest) -> bool:
    """Whether a balancer that ends TLS sent the request, so that it answers for the headers."""
    name = case.machines.balancers.get(request.connection.client.address)
    return name is not None and case.site.balancers[name].service is BalancerMode.TERMINATE


def _judge(case: Case) -> Iterator[Judgement]:
    for request in case.journeys.requests:
        message = request.exchange.request
        if message is None or not is_from_terminating(case, request):
            continue
        port = find_remote_port(message)
        if port is None:
            continue  # Number and form of the lines: V08.
        yield from _judge_truth(case, request, message, port)
        yield from _judge_used(case, request, message)


def _judge_truth(
    case: Case, request: ServiceRequest, message: Request, port: int
) -> Iterator[Judgement]:
    front = request.front
    sender = case.machines.tell_client(request.connection)
    told = f"the request from {sender} to {case.machines.tell_server(request.connection)}"
    if isinstance(front, Ambiguous):
        yield Unjudged(reason=f"{told}: {front.reason}", packets=front.packets)
        return
    if front is None:
        reason = f"{told} carries RemotePort {port}, and no request to the balancer was found that it belongs to"
        yield Unjudged(reason=reason, packets=asking(request.exchange))
        return
    true = front.connection.client
    opener = case.machines.tell_client(front.connection)
    if port != true.port:
        text = f"{told} says RemotePort {port}, but it came from {opener}"
        yield _finding(text, request, front)
    pick = find_pick(message, balancers=case.site.cert_proxy.number_of_load_balancers)
    if pick is not None and pick != true.address:
        text = f"{told} names {pick} in X-Forwarded-For, but it came from {opener}"
        yield _finding(text, request, front)


def _judge_used(case: Case, request: ServiceRequest, message: Request) -> Iterator[Judgement]:
    """Another element of the list was used than the one the site's rule names (F24)."""
    balancers = case.site.cert_proxy.number_of_load_balancers
    pick = find_pick(message, balancers=balancers)
    listed = find_listed(message)
    if pick is None:
        return
    for call_back in request.perhaps:
        if len(set(listed)) > 1:
            reason = "it cannot be told which element of X-Forwarded-For was used"
            yield Unjudged(
                reason=reason, packets=gather(asking(request.exchange), asking(call_back.exchange))
            )
    for caused in request.call_backs:
        call_back = caused.call_back
        if call_back.target == pick or call_back.target not in listed:
            continue
        caller = case.machines.tell_address(call_back.caller)
        finding = Finding(
            message=(
                f"{caller} asked {case.machines.tell_server(call_back.connection)} "
                f"for a certificate because of X-Forwarded-For {show(message.values(FORWARDED_FOR))}, "
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
        yield finding if call_back.key == find_remote_port(message) else Absent(finding=finding)


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
)
