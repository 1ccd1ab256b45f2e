"""V02 uniqueness: at any time one live tunnel at most owns a port of a node."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement
from harness.checks.evidence import gather, opening
from harness.checks.need import COMPLETE, HELLOS, PROXY_CONTENT
from harness.checks.tunnel import overlapping
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    for owners in case.owners.values():
        for earlier, later in overlapping(owners):
            if earlier.upstream is later.upstream:
                continue  # One connection for two tunnels is V20's.
            machines = case.machines
            finding = Finding(
                message=(
                    f"{machines.tell_client(later.upstream)} connected to {machines.tell_server(later.upstream)} for "
                    f"{machines.tell_client(later.proxy)}, while the same port still carried "
                    f"{machines.tell_client(earlier.proxy)} to {machines.tell_server(earlier.upstream)}"
                ),
                packets=gather(
                    opening(earlier.upstream),
                    opening(later.upstream),
                    later.proxy.tunnel.opened.packets if later.proxy.tunnel is not None else (),
                ),
                endpoints=(
                    earlier.upstream.client,
                    earlier.upstream.server,
                    later.upstream.client,
                    later.upstream.server,
                ),
            )
            # An end that was not seen may have been lost.
            yield finding if earlier.ended_ns is not None else Absent(finding=finding)


V02 = Check(
    id="V02",
    promise="No two live tunnels of a node share the port that names their certificate.",
    source="V02; F02 F03 F04 F05 F07 F14",
    needs=(COMPLETE, HELLOS, PROXY_CONTENT),
    judge=_judge,
)
