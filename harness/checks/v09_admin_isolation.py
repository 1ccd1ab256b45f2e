"""V09 admin isolation: certificates are handed out on admin ports alone, and only nodes reach those."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.call_back_form import find_key
from harness.checks.case import Case
from harness.checks.check import Check, Judgement, LookedAt
from harness.checks.evidence import accepting, answering, asking, count_own, gather, opening
from harness.checks.need import COMPLETE, NODE_SERVICE_CONTENT, PROXY_CONTENT
from harness.trace.connection import Connection
from harness.verdict.finding import Finding

OK = 200


def _judge(case: Case) -> Iterator[Judgement]:
    for connection in (*case.legs.admin, *_find_forwarded(case)):
        if connection.syn_ack and case.machines.client(connection) not in case.machines.nodes:
            client = case.machines.tell_client(connection)
            yield Finding(
                message=(
                    f"{client} is no node, but the admin port of "
                    f"{case.machines.tell_server(connection)} accepted its connection"
                ),
                packets=gather(opening(connection), accepting(connection)),
                endpoints=(connection.client, connection.server),
            )
    for connection in (*case.legs.proxy, *case.legs.service):
        yield from _judge_answers(case, connection)


def _find_forwarded(case: Case) -> Iterator[Connection]:
    """F38: connections to a balancer's address on an admin port."""
    for connection in case.trace.connections:
        is_balancer = case.machines.server(connection) in case.machines.balancers
        if is_balancer and case.machines.port(connection) in case.machines.closed_ports:
            yield connection


def _judge_answers(case: Case, connection: Connection) -> Iterator[Judgement]:
    is_node = case.machines.client(connection) in case.machines.nodes
    is_certificate_port = case.machines.port(connection) in case.machines.certificate_ports
    is_admin = case.machines.port(connection) in case.site.admin_ports
    if is_node and is_certificate_port and (is_admin or not case.site.admin_ports):
        return  # A one-port set-up: nodes may ask here.
    for exchange in connection.exchanges:
        if exchange.request is None or exchange.response is None or exchange.response.status != OK:
            continue
        key = find_key(exchange.request, case.site)
        if key is None:
            continue
        server = case.machines.tell_server(connection)
        why = "which has Admin Port off" if not is_admin else "and it is no node"
        yield Finding(
            message=(
                f"{case.machines.tell_client(connection)} got the certificate of port {key} "
                f"from {server}, {why}"
            ),
            packets=gather(asking(exchange), answering(exchange)),
            endpoints=(connection.client, connection.server),
        )


V09 = Check(
    id="V09",
    promise="Certificates are handed out on admin ports alone, and nobody but the nodes reaches those.",
    source="V09; F45 F47",
    needs=(COMPLETE, PROXY_CONTENT, NODE_SERVICE_CONTENT),
    judge=_judge,
    looked_at=LookedAt(
        "connection",
        lambda case: count_own(case.trace, *case.legs.admin, *case.legs.proxy, *case.legs.service),
    ),
)
