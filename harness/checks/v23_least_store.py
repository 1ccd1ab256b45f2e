"""V23 least store: nothing is kept for a port that carries no tunnel, and never more than the limit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement, Unjudged
from harness.checks.evidence import answering, asking, gather, opening
from harness.checks.need import CALL_BACK_CONTENT, COMPLETE, HELLOS, PROXY_CONTENT
from harness.checks.tunnel import find_end
from harness.checks.v03_freshness import is_dead_read, tell_handed
from harness.net.address import Address
from harness.trace.connection import Connection
from harness.verdict.finding import Finding


def _judge(case: Case) -> Iterator[Judgement]:
    owners, unowned = case.owners, case.unowned
    for asked in case.call_backs:
        if not asked.is_answered:
            continue
        living = [o for o in owners.get(asked.key, ()) if o.lives(asked.asked_ns)]
        is_dead = is_dead_read(asked, living, unowned.get(asked.key, ()))
        told = f"{tell_handed(case, asked)}, which carried no tunnel"
        packets = gather(asking(asked.call_back.exchange), answering(asked.call_back.exchange))
        if is_dead is None:
            yield Unjudged(reason=f"{told} that was seen", packets=packets)
        elif is_dead:
            ends = (asked.connection.client, asked.connection.server)
            yield Absent(finding=Finding(message=told, packets=packets, endpoints=ends))
    yield from _judge_size(case)


def _judge_size(case: Case) -> Iterator[Judgement]:
    """Each tunnel has an entry; so many tunnels, so many entries."""
    steps: dict[Address, list[tuple[int, int, int, Connection]]] = defaultdict(list)
    for proxy in case.legs.proxy:
        if proxy.tunnel is None:
            continue
        node = case.machines.server(proxy)
        steps[node].append((proxy.tunnel.opened.time_ns, 1, proxy.number, proxy))
        ended = find_end(case.packets, proxy)
        if ended is not None:
            steps[node].append((ended, -1, proxy.number, proxy))
    for node, listed in steps.items():
        alive: dict[int, Connection] = {}
        for _, step, number, proxy in sorted(listed, key=lambda s: s[:3]):
            if step < 0:
                alive.pop(number, None)
                continue
            alive[number] = proxy
            if len(alive) > case.site.store_limit:
                yield Absent(finding=_too_many(case, node, tuple(alive.values())))
                break


def _too_many(case: Case, node: Address, alive: tuple[Connection, ...]) -> Finding:
    opened = (c.tunnel.opened.packets for c in alive if c.tunnel is not None)
    return Finding(
        message=(
            f"{case.machines.tell_address(node)} kept certificates for {len(alive)} tunnels at the same time; "
            f"the limit is {case.site.store_limit}"
        ),
        packets=gather(*opened) or opening(alive[-1]),
        endpoints=tuple(dict.fromkeys(e for c in alive for e in (c.client, c.server))),
    )


V23 = Check(
    id="V23",
    promise="A node keeps no certificate for a port that carries no tunnel, and never more than its limit.",
    source="V23; F08 F11 F12",
    needs=(COMPLETE, HELLOS, PROXY_CONTENT, CALL_BACK_CONTENT),
    judge=_judge,
)
