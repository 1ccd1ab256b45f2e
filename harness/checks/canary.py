"""canary: the violations that the harness itself commits in every run are found; a check that cannot fire is found out.

The canary's machines make a site of their own, judged with the same checks over the same packets. So nothing of theirs
reaches the results of the real site, and the real site's rules are not loosened for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.checks.case import Case, build_case
from harness.checks.check import Check, Judgement, Unjudged, examine
from harness.net.address import Address
from harness.site import canary
from harness.site.page import CertProxy
from harness.site.site import Balancer, Site
from harness.trace.packet_list import PacketList
from harness.trace.trace import Trace
from harness.verdict.finding import Finding
from harness.verdict.outcome import Outcome

SITE = Site(
    fqdn="canary.invalid",
    nodes={"canary-node": canary.NODE, "canary-other-node": canary.OTHER_NODE},
    balancers={"canary-balancer": Balancer.model_validate({"address": str(canary.BALANCER)})},
    cert_proxy=CertProxy(
        destination_forced=True,
        destination=str(canary.BALANCER),
        allow_remote_port_header=True,
        accept_remote_port_from=str(canary.BALANCER),
    ),
)
"""Default ports, destination forced to the balancer, headers accepted from the balancer."""


def build_canary(checks: tuple[Check, ...]) -> Check:
    """The check that needs all others."""

    def judge(case: Case) -> Iterable[Judgement]:
        return tuple(_judge(case, checks))

    return Check(
        id="canary",
        promise="Every family of checks finds the violation that the harness committed for it.",
        source="architecture principle 5",
        needs=(),
        judge=judge,
    )


def is_canary(finding: Finding) -> bool:
    """Whether only machines of the canary are involved."""
    return all(e.address.version == 4 and e.address in canary.NETWORK for e in finding.endpoints)


def _find_own(trace: Trace) -> Trace:
    """What the canary's machines said and heard; of a run with many devices it is very little."""
    known: dict[Address, bool] = {}

    def is_own(address: Address) -> bool:
        found = known.get(address)
        if found is None:
            found = known[address] = address.version == 4 and address in canary.NETWORK
        return found

    return replace(
        trace,
        packets=PacketList.of(trace.packets).select(
            lambda flow: flow is not None and (is_own(flow.src) or is_own(flow.dst))
        ),
        connections=tuple(
            c for c in trace.connections if is_own(c.client.address) or is_own(c.server.address)
        ),
    )


def _judge(case: Case, checks: tuple[Check, ...]) -> Iterable[Judgement]:
    if case.note is None:
        yield Unjudged(
            reason="the file does not say that the harness recorded it, so that no canary shows what fires"
        )
        return
    if not case.note.canary:
        yield Unjudged(reason="the run had no canary: nothing shows that the checks can fire")
        return
    own = build_case(_find_own(case.trace), SITE, note=case.note, ledger=case.ledger)
    results = {check.id: examine(check, own) for check in checks}
    for family, ids in canary.FAMILIES.items():
        for check_id in ids:
            result = results.get(check_id)
            if result is not None and any(is_canary(finding) for finding in result.findings):
                continue
            why = (
                "is not registered"
                if result is None
                else "did not find the violation committed for it"
            )
            reason = f"family {family}: {check_id} {why}"
            if result is not None and result.outcome is Outcome.UNKNOWN:
                reason += f" ({result.reason})"
            yield Unjudged(reason=reason)
