"""V13 one identity: a device's connection has one certificate for life."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Check, Judgement, Unjudged
from harness.checks.evidence import gather, opening, seen
from harness.checks.joining import outer_random
from harness.checks.need import COMPLETE, PROXY_CONTENT
from harness.trace.connection import Connection
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    at_nodes = {outer_random(c) for c in case.legs.proxy}
    # A session passed through is judged once, at the node that ends it.
    own = (c for c in case.legs.outer if outer_random(c) not in at_nodes or outer_random(c) is None)
    for connection in (*case.legs.proxy, *own):
        yield from _judge_session(case, connection)


def _judge_session(case: Case, connection: Connection) -> Iterator[Judgement]:
    tls = connection.tls
    if tls is None:
        return
    chains = (tls.client_certificates, *tls.later_client_certificates)
    if tls.is_certificate_late:
        # The handshake itself showed none: it resumed a session, or did not ask.
        ancestor = case.proofs.find_ancestor(connection)
        first = case.proofs.find_shown(ancestor) if ancestor is not None else None
        chains = (() if first is None else (first,), *chains)
    names = [chain[0].sha256 if chain else "none" for chain in chains]
    ends = f"{case.machines.tell_client(connection)} showed {case.machines.tell_server(connection)}"
    packets = gather(seen(tls.client_certificate) or opening(connection))
    for later in names[1:]:
        if later == names[0]:
            continue
        if names[0] == "none" and tls.resumed:
            reason = f"{ends} certificate sha256 {later[:16]} on a resumed session of it is not known whom"
            yield Unjudged(reason=reason, packets=packets)
            continue
        told = f"{ends} certificate sha256 {names[0][:16]} first, and {later[:16]} later on the same connection"
        yield Finding(
            message=told, packets=packets, endpoints=(connection.client, connection.server)
        )


V13 = Check(
    id="V13",
    promise="A device's connection to the proxy has one certificate for life.",
    source="V13; F72 F73",
    needs=(COMPLETE, PROXY_CONTENT),
    judge=_judge,
)
