"""The case: one trace, one site, and everything derived from both that checks look at."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks.joining import join
from harness.checks.ledger import Ledger, read_ledger
from harness.checks.legs import Legs, Machines, find_legs, find_machines
from harness.checks.policy import Policy, read_policy
from harness.checks.run_note import RunNote
from harness.site.site import Site
from harness.trace.journey import Journeys
from harness.trace.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a check is given."""

    trace: Trace
    site: Site
    note: RunNote | None
    """None: the harness did not record this capture."""
    machines: Machines
    legs: Legs
    journeys: Journeys
    policy: Policy
    ledger: Ledger


def build_case(
    trace: Trace, site: Site, *, note: RunNote | None, ledger: Ledger | None = None
) -> Case:
    """Sort and join what a trace shows of a site; an account already made is used.

    Raises:
        ValueError: a setting of the site that cannot be read.
    """
    machines = find_machines(trace, site)
    legs = find_legs(trace, machines)
    return Case(
        trace=trace,
        site=site,
        note=note,
        machines=machines,
        legs=legs,
        journeys=join(legs, machines, slack_ns=trace.slack_ns),
        policy=read_policy(site),
        ledger=ledger or read_ledger(trace, site=site, note=note),
    )
