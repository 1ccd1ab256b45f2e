"""V13 one identity: a device's connection has one certificate for life."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Check, Judgement
from harness.checks.evidence import gather, opening, seen
from harness.checks.joining import outer_random
from harness.checks.need import COMPLETE, PROXY_CONTENT
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    at_nodes = {outer_random(c) for c in case.legs.proxy}
    # A session passed through is judged once, at the node that ends it.
    own = (c for c in case.legs.outer if outer_random(c) not in at_nodes or outer_random(c) is None)
    for connection in (*case.legs.proxy, *own):
        tls = connection.tls
        if tls is None:
            continue
        first = tls.client_certificates[0].sha256 if tls.client_certificates else "none"
        for later in tls.later_client_certificates:
            shown = later[0].sha256 if later else "none"
            if shown == first:
                continue
            yield Finding(
                message=(
                    f"{case.machines.tell_client(connection)} showed {case.machines.tell_server(connection)} "
                    f"certificate sha256 {first[:16]} first, and {shown[:16]} later on the same connection"
                ),
                packets=gather(seen(tls.client_certificate) or opening(connection)),
                endpoints=(connection.client, connection.server),
            )


V13 = Check(
    id="V13",
    promise="A device's connection to the proxy has one certificate for life.",
    source="V13; F72 F73",
    needs=(COMPLETE, PROXY_CONTENT),
    judge=_judge,
)
