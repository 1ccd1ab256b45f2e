"""V10 admin authentication: a cert proxy answers a call-back only to whoever proves the shared key, anew each time."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator

from harness.checks.call_back_form import find_key
from harness.checks.case import Case
from harness.checks.check import Check, Judgement, Unjudged
from harness.checks.evidence import answering, asking, gather
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, PROXY_CONTENT
from harness.net.address import Address
from harness.site import callback
from harness.site.page import SHARED_KEY
from harness.trace.connection import Connection
from harness.trace.http import Exchange, Request
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding

TELLING = (200, 404)
"""Answers that say whether something is stored."""
SECOND_NS = 1_000_000_000

_TIME = re.compile(rb"[1-9][0-9]{0,11}", re.ASCII)


def _judge(case: Case) -> Iterator[Judgement]:
    seen: dict[tuple[Address, bytes], tuple[PacketNumber, ...]] = {}
    for connection, exchange, request in find_requests(case):
        key = find_key(request, case.site)
        response = exchange.response
        proofs = request.values(case.site.call_back.proof_header)
        nonces = request.values(callback.NONCE_HEADER)
        mark = (case.machines.server(connection), (nonces or proofs or (b"",))[0])
        before = seen.get(mark)
        if proofs:
            seen.setdefault(mark, request.packets)
        if response is None or response.status not in TELLING or key is None:
            continue
        told = (
            f"{case.machines.tell_server(connection)} answered {response.status} to "
            f"{case.machines.tell_client(connection)}, "
            f"who asked for the certificate of port {key}"
        )
        packets = gather(asking(exchange), answering(exchange))
        server = case.machines.server(connection)
        if not proofs and not case.site.call_back.has_known_proof:
            where = "nothing says how a proof would look (call_back.proof_header of the site)"
            yield Unjudged(reason=f"{told}, and {where}", packets=packets)
            continue
        bare = "without any proof of the shared key"
        flaw = find_flaw(case, server, request, key) if proofs else bare
        if flaw is None and before is not None:
            flaw, packets = "with a proof that was used before", gather(before, packets)
        if flaw is not None:
            yield Finding(
                message=f"{told} {flaw}",
                packets=packets,
                endpoints=(connection.client, connection.server),
            )
        elif not _find_keys(case, server, request):
            yield Unjudged(
                reason=f"{told}, and without the key it is not known whether its proof holds",
                packets=packets,
            )


def find_requests(case: Case) -> list[tuple[Connection, Exchange, Request]]:
    """Requests for certificates at the ports of cert proxies, in order of time."""
    found = [
        (connection, exchange, exchange.request)
        for connection in (*case.legs.proxy, *case.legs.admin)
        for exchange in connection.exchanges
        if exchange.request is not None and find_key(exchange.request, case.site) is not None
    ]
    return sorted(found, key=lambda item: (item[2].first_ns, item[0].number))


def find_flaw(case: Case, server: Address, request: Request, port: int) -> str | None:
    """What is wrong with the proof of a call-back to a node; None: nothing, as far as it can be computed."""
    flaws = [_find_flaw(key, request, port) for key in _find_keys(case, server, request)]
    return flaws[0] if flaws and None not in flaws else None


def _find_keys(case: Case, server: Address, request: Request) -> tuple[bytes, ...]:
    """The keys that a node's cert proxy may hold when it gets a request; () where one is not known."""
    if case.note is None:
        return ()
    known = {SHARED_KEY: case.note.proxy_key, **case.note.other_keys}
    pages = case.rules.pages(server, request.first_ns, request.last_ns)
    names = [page.certificate_proxy_key for page in pages] or [SHARED_KEY]
    keys = [key for name in dict.fromkeys(names) if (key := known.get(name)) is not None]
    return tuple(keys) if len(keys) == len(set(names)) else ()


def _find_flaw(key: bytes, request: Request, port: int) -> str | None:
    names = (callback.NONCE_HEADER, callback.TIME_HEADER, callback.PROOF_HEADER)
    fields = [request.values(name) for name in names]
    if any(len(values) != 1 for values in fields):
        return "with an incomplete proof"
    nonce, time_text, proof = (values[0] for values in fields)
    if not _TIME.fullmatch(time_text):
        return "with a proof without a time"
    expected = callback.build_proof(
        key, nonce=nonce.decode("latin-1"), time_s=int(time_text), port=port
    )
    if not hmac.compare_digest(expected.encode(), proof):
        return "with a proof that does not hold under the certificate-proxy key"
    age_s = abs(request.first_ns // SECOND_NS - int(time_text))
    # The clock of the tap may be a second away from the node's at a tick.
    if age_s > callback.CLOCK_TOLERANCE_S + 1:
        return f"with a proof that is {age_s} s away from its time"
    return None


V10 = Check(
    id="V10",
    promise="Nothing about stored certificates is told to anybody who has not freshly proved the shared key.",
    source="V10; F10 F46 F48 F49",
    needs=(COMPLETE, PROXY_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
