"""The rules: by which settings page each node goes, and when.

The site says where a run begins; the run note says what an administrator did meanwhile. A decision that falls into the
moment of a change may go by either page, so that every question here is about an interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.checks.policy import Policy, read_policy
from harness.checks.run_note import RunNote
from harness.net.address import Address
from harness.site.page import CertProxy
from harness.site.site import Site

Period = tuple[int, CertProxy]
"""From when on (nanoseconds since the epoch; 0: from the beginning) a page is in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Pages and policies of every node over time."""

    periods: Mapping[Address, tuple[Period, ...]]
    """By the node's address, in order of time, the first from 0 on."""
    policies: Mapping[CertProxy, Policy]

    def pages(self, node: Address, first_ns: int, last_ns: int) -> tuple[CertProxy, ...]:
        """The pages in force at a node within an interval, its ends included; () for anybody else."""
        periods = self.periods.get(node, ())
        if len(periods) < 2:
            return tuple(page for _, page in periods)
        ends = (*(begin for begin, _ in periods[1:]), None)
        return tuple(
            page
            for (begin, page), end in zip(periods, ends, strict=True)
            if begin <= last_ns and (end is None or end >= first_ns)
        )

    def during(self, node: Address, first_ns: int, last_ns: int) -> tuple[Policy, ...]:
        """The same as policies."""
        return tuple(self.policies[page] for page in self.pages(node, first_ns, last_ns))

    def others(self, node: Address, first_ns: int, last_ns: int) -> Mapping[Address, CertProxy]:
        """The other nodes that go by one page throughout an interval, where it is not this node's."""
        own = self.pages(node, first_ns, last_ns)
        found = {n: self.pages(n, first_ns, last_ns) for n in self.periods if n != node}
        return {
            n: pages[0] for n, pages in found.items() if len(pages) == 1 and pages[0] not in own
        }


def read_rules(site: Site, note: RunNote | None) -> Rules:
    """The rules of a site and a run.

    Raises:
        ValueError: a setting that cannot be read (AllowListError for a list).
    """
    periods: dict[Address, tuple[Period, ...]] = {
        address: ((0, site.page(node)),) for node, address in site.nodes.items()
    }
    for change in note.settings if note is not None else ():
        if change.node in site.nodes:
            address = site.nodes[change.node]
            periods[address] = (*periods[address], (change.at_ns, change.page))
    pages = dict.fromkeys(page for row in periods.values() for _, page in row)
    return Rules(periods=periods, policies={page: read_policy(site, page) for page in pages})
