"""V08 single value: one well-formed RemotePort, and an X-Forwarded-For long enough, in each balanced request."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Check, Judgement, LookedAt
from harness.checks.evidence import asking, count_own, gather
from harness.checks.headers import find_blurred, port_header, show
from harness.checks.need import COMPLETE, NODE_SERVICE_CONTENT
from harness.checks.v06_header_origin import find_policies
from harness.checks.v07_header_truth import find_balanced, is_from_terminating
from harness.net.forwarding import (
    ForwardingError,
    is_named_in_connection,
    parse_remote_port,
    pick_forwarded_for,
    pick_forwarded_port,
)
from harness.site.site import Site
from harness.trace.http import Request
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    for request in case.journeys.requests:
        message = request.exchange.request
        if message is None or not is_from_terminating(case, request):
            continue
        if not any(policy.is_remote_port_allowed for policy in find_policies(case, request)):
            continue
        connection = request.connection
        for problem in _problems(message, case.site):
            yield Finding(
                message=(
                    f"the request from {case.machines.tell_client(connection)} "
                    f"to {case.machines.tell_server(connection)}: {problem}"
                ),
                packets=gather(asking(request.exchange)),
                endpoints=(connection.client, connection.server),
            )


def _problems(message: Request, site: Site) -> Iterator[str]:
    names = site.header_names
    if names.remote_port:
        try:
            parse_remote_port(message.values(names.remote_port), name=names.remote_port)
        except ForwardingError as error:
            yield str(error)
    wanted = port_header(site)
    blurred = find_blurred(message, site)
    if blurred:
        yield (
            f"{wanted}: got {show(blurred)} once more, with a blank before the colon; expected exactly one line"
        )
    trailers = tuple(t.value for t in message.trailers if t.name.lower() == wanted.lower().encode())
    if trailers:
        yield f"{wanted}: got {show(trailers)} once more, in a trailer; expected exactly one line"
    if names.forwarded_for:
        try:
            _read_forwarded_for(message, site)
        except ForwardingError as error:
            yield str(error)
    options = message.values("Connection")
    for name in names.all:
        if is_named_in_connection(name, options):
            yield f"Connection: got {show(options)}, which makes {name} hop-by-hop"


def _read_forwarded_for(message: Request, site: Site) -> None:
    """Raise ForwardingError unless the element that the site's rule names is there, with a port if it must have one."""
    name, balancers = site.header_names.forwarded_for, site.cert_proxy.hops
    pick = pick_forwarded_for if site.header_names.remote_port else pick_forwarded_port
    pick(message.values(name), from_right=balancers, name=name)


V08 = Check(
    id="V08",
    promise="Each request from a balancer carries exactly one well-formed RemotePort, and enough of X-Forwarded-For.",
    source="V08; F19 F20 F21 F22 F23 F27 F31",
    needs=(COMPLETE, NODE_SERVICE_CONTENT),
    judge=_judge,
    looked_at=LookedAt(
        "balanced request",
        lambda case: count_own(case.trace, *(r.exchange for r in find_balanced(case))),
    ),
)
