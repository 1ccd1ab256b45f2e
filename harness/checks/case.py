"""The case: one trace, one site, and everything derived from both that checks look at. Indexes are built here, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.checks.joining import join
from harness.checks.ledger import Ledger, read_ledger
from harness.checks.legs import Legs, Machines, find_legs, find_machines
from harness.checks.mended import Mended, find_mended
from harness.checks.policy import Policy, read_policy
from harness.checks.proof import Proofs
from harness.checks.rules import Rules, read_rules
from harness.checks.run_note import RunNote
from harness.checks.tunnel import (
    CallBackOf,
    Key,
    Owner,
    find_owners,
    find_unowned,
    list_call_backs,
)
from harness.checks.unreadable import find_all_unreadable
from harness.site.site import Site
from harness.trace.connection import Connection
from harness.trace.journey import Journeys
from harness.trace.packet_list import PacketList
from harness.trace.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a check is given."""

    trace: Trace
    packets: PacketList
    """Those of the trace."""
    site: Site
    note: RunNote | None
    """None: the harness did not record this capture."""
    machines: Machines
    legs: Legs
    journeys: Journeys
    policy: Policy
    """What the site's own settings page says."""
    rules: Rules
    """What the page of each node says, and when."""
    ledger: Ledger
    proofs: Proofs
    call_backs: tuple[CallBackOf, ...]
    """Every call-back with the request that caused it, in order of time."""
    owners: Mapping[Key, tuple[Owner, ...]]
    """Tunnels by node and the port that names their certificate, in order of time."""
    unowned: Mapping[Key, tuple[Connection, ...]]
    """Connections of a node that no tunnel is known to own, call-backs left aside."""
    mended: Mended
    """Odd requests that a balancer passed on, and whether it put them right."""
    unreadable: Mapping[int, str]
    """By number of a connection of the legs: why not all that it carried is known."""


def build_case(
    trace: Trace, site: Site, *, note: RunNote | None, ledger: Ledger | None = None
) -> Case:
    """Sort and join what a trace shows of a site; an account already made is used.

    Raises:
        ValueError: a setting of the site that cannot be read.
    """
    machines = find_machines(trace, site)
    legs = find_legs(trace, machines)
    journeys = join(legs, machines, slack_ns=trace.slack_ns)
    proofs = Proofs(legs)
    packets = PacketList.of(trace.packets)
    call_backs = list_call_backs(journeys)
    mended = find_mended(journeys)
    return Case(
        trace=trace,
        packets=packets,
        site=site,
        note=note,
        machines=machines,
        legs=legs,
        journeys=journeys,
        policy=read_policy(site),
        rules=read_rules(site, note),
        ledger=ledger or read_ledger(trace, site=site, note=note),
        proofs=proofs,
        call_backs=call_backs,
        owners=find_owners(packets, legs, machines, proofs),
        unowned=find_unowned(legs, machines, call_backs),
        mended=mended,
        unreadable=find_all_unreadable(legs, machines, mended),
    )
