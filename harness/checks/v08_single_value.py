"""V08 single value: one well-formed RemotePort, and an X-Forwarded-For long enough, in each balanced request."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Check, Judgement
from harness.checks.evidence import asking, gather
from harness.checks.headers import show
from harness.checks.need import COMPLETE, NODE_SERVICE_CONTENT
from harness.checks.v07_header_truth import is_from_terminating
from harness.net.forwarding import (
    FORWARDED_FOR,
    REMOTE_PORT,
    ForwardingError,
    is_named_in_connection,
    parse_remote_port,
    pick_forwarded_for,
)
from harness.trace.http import Request
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    if not case.policy.is_remote_port_allowed:
        return
    for request in case.journeys.requests:
        message = request.exchange.request
        if message is None or not is_from_terminating(case, request):
            continue
        connection = request.connection
        for problem in _problems(message, balancers=case.site.cert_proxy.number_of_load_balancers):
            yield Finding(
                message=(
                    f"the request from {case.machines.tell_client(connection)} "
                    f"to {case.machines.tell_server(connection)}: {problem}"
                ),
                packets=gather(asking(request.exchange)),
                endpoints=(connection.client, connection.server),
            )


def _problems(message: Request, *, balancers: int) -> Iterator[str]:
    values = message.values(REMOTE_PORT)
    trailers = tuple(
        t.value for t in message.trailers if t.name.lower() == REMOTE_PORT.lower().encode()
    )
    try:
        parse_remote_port(values)
    except ForwardingError as error:
        yield str(error)
    if trailers:
        yield f"{REMOTE_PORT}: got {show(trailers)} once more, in a trailer; expected exactly one line"
    try:
        pick_forwarded_for(message.values(FORWARDED_FOR), from_right=balancers)
    except ForwardingError as error:
        yield str(error)
    options = message.values("Connection")
    for name in (REMOTE_PORT, FORWARDED_FOR):
        if is_named_in_connection(name, options):
            yield f"Connection: got {show(options)}, which makes {name} hop-by-hop"


V08 = Check(
    id="V08",
    promise="Each request from a balancer carries exactly one well-formed RemotePort, and enough of X-Forwarded-For.",
    source="V08; F19 F20 F23",
    needs=(COMPLETE, NODE_SERVICE_CONTENT),
    judge=_judge,
)
