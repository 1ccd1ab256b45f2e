"""V02 uniqueness: at any time one live tunnel at most owns a port of a node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from harness.checks.call_back_form import find_fingerprint
from harness.checks.case import Case
from harness.checks.check import Absent, Check, Judgement
from harness.checks.evidence import answering, gather, opening
from harness.checks.need import COMPLETE, HELLOS, PROXY_CONTENT
from harness.checks.tunnel import CallBackOf, Key, Owner, overlapping
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
    by_name: dict[Key, list[Owner]] = defaultdict(list)
    for owner in (owner for owners in case.owners.values() for owner in owners):
        by_name[owner.node, owner.proxy.client.port].append(owner)
    for asked in case.call_backs:
        yield from _judge_name(case, asked, by_name)


def _judge_name(
    case: Case, asked: CallBackOf, by_name: Mapping[Key, list[Owner]]
) -> Iterator[Judgement]:
    """F05: the certificate of another tunnel was handed out, whose device came from a port of the same number.

    Then it is this number that names certificates, and it belongs to two tunnels.
    """
    given = find_fingerprint(asked.call_back.exchange, case.site) if asked.is_answered else None
    if given is None:
        return
    asked_ns = asked.asked_ns
    living = [o for o in case.owners.get(asked.key, ()) if o.lives(asked_ns)]
    if len(living) != 1 or living[0].certificate is None or living[0].certificate.sha256 == given:
        return
    own = living[0]
    for other in by_name[own.node, own.proxy.client.port]:
        if other.certificate is None or other.certificate.sha256 != given:
            continue
        if not other.lives(asked_ns):
            continue
        machines = case.machines
        told = (
            f"{machines.tell_server(asked.connection)} handed out for port {own.port}, the tunnel of "
            f"{machines.tell_client(own.proxy)}, the certificate of {machines.tell_client(other.proxy)}: both came "
            f"from port {own.proxy.client.port}, and that names it"
        )
        yield Finding(
            message=told,
            packets=gather(
                opening(own.proxy), opening(other.proxy), answering(asked.call_back.exchange)
            ),
            endpoints=(own.proxy.client, other.proxy.client, own.upstream.client),
        )


V02 = Check(
    id="V02",
    promise="No two live tunnels of a node share the port that names their certificate.",
    source="V02; F02 F03 F04 F05 F07 F14",
    needs=(COMPLETE, HELLOS, PROXY_CONTENT),
    judge=_judge,
)
