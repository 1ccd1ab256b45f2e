"""V19 fail closed: without the one certificate that was asked for, in time, nobody is signed in."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, Unjudged
from harness.checks.evidence import answering, asking, gather
from harness.checks.headers import find_claimed_ports, port_header
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, NODE_SERVICE_CONTENT
from harness.checks.sign_in import find_user, is_sign_in
from harness.checks.v20_no_mixing import find_earlier
from harness.net.address import Address
from harness.trace.journey import CallBack, ServiceRequest
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding

OK = 200


def _judge(case: Case) -> Iterator[Judgement]:
    for request in case.journeys.requests:
        user = find_user(request.exchange.response, case.site)
        if user is not None and is_sign_in(request.exchange.request, case.site):
            yield from _judge_success(case, request, user)
        yield from _judge_fallback(case, request)
        yield from _judge_keys(case, request)


def _judge_success(case: Case, request: ServiceRequest, user: str) -> Iterator[Judgement]:
    answer = request.exchange.response
    assert answer is not None
    calls = [caused.call_back for caused in request.call_backs]
    if any(_is_in_time(call_back, answer.first_ns) for call_back in calls):
        return
    told = f"{case.machines.tell_server(request.connection)} signed in {user}, although"
    packets = gather(
        asking(request.exchange), answering(request.exchange), *(c.exchange.packets for c in calls)
    )
    if request.perhaps:
        reason = f"{told} it may be that no certificate had come by then"
        yield Unjudged(reason=reason, packets=packets)
        return
    why = (
        f"{_tell(case, calls[-1])} {_tell_end(calls[-1])}"
        if calls
        else "it asked no node for a certificate"
    )
    yield Absent(finding=_finding(f"{told} {why}", request, packets))


def _judge_fallback(case: Case, request: ServiceRequest) -> Iterator[Judgement]:
    """A second call-back for another node or port is a guess."""
    calls = [caused.call_back for caused in request.call_backs]
    asked: dict[tuple[Address, int], CallBack] = {}
    for call_back in calls:
        asked.setdefault((call_back.target, call_back.key), call_back)
    if len(asked) < 2:
        return
    first, second = tuple(asked.values())[:2]
    told = (
        f"{case.machines.tell_address(first.caller)} asked {_tell(case, first)} and then {_tell(case, second)} "
        f"for one request of {case.machines.tell_client(request.connection)}"
    )
    packets = gather(asking(request.exchange), asking(first.exchange), asking(second.exchange))
    yield Absent(finding=_finding(told, request, packets))


def _judge_keys(case: Case, request: ServiceRequest) -> Iterator[Judgement]:
    """A port that neither the header nor the peer names was made up."""
    message = request.exchange.request
    if message is None:
        return
    named = (*find_claimed_ports(message, case.site), request.connection.client.port)
    for caused in request.call_backs:
        call_back = caused.call_back
        if call_back.key in named or find_earlier(case, request, call_back.key) is not None:
            continue
        told = (
            f"{case.machines.tell_address(call_back.caller)} asked {_tell(case, call_back)}, which neither "
            f"{port_header(case.site)} nor the peer of the request names"
        )
        packets = gather(asking(request.exchange), asking(call_back.exchange))
        yield Absent(finding=_finding(told, request, packets))


def _is_in_time(call_back: CallBack, answered_ns: int) -> bool:
    response = call_back.exchange.response
    return response is not None and response.status == OK and response.last_ns <= answered_ns


def _tell(case: Case, call_back: CallBack) -> str:
    server = case.machines.tell_server(call_back.connection)
    return f"{server} for the certificate of port {call_back.key}"


def _tell_end(call_back: CallBack) -> str:
    response = call_back.exchange.response
    if response is None:
        return "gave no answer"
    return "was answered too late" if response.status == OK else f"was answered {response.status}"


def _finding(message: str, request: ServiceRequest, packets: tuple[PacketNumber, ...]) -> Finding:
    ends = (request.connection.client, request.connection.server)
    return Finding(message=message, packets=packets, endpoints=ends)


V19 = Check(
    id="V19",
    promise="Nobody is signed in unless the one certificate that the request names came in time.",
    source="V19; F06 F22",
    needs=(COMPLETE, NODE_SERVICE_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
