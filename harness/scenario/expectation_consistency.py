"""The consistency of what a scenario switches on and foresees: defects and checks that there are."""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenario import fleet
from harness.scenario.defect import DEFECTS
from harness.scenario.scenario import Expect, Scenario
from harness.site.problem import Problem, choose, show

CHECKS = (
    *(f"V{number:02}" for number in range(1, 24)),
    "V26",
)
"""Ids of the checks that a scenario can expect to fail."""


def find_expectation_problems(scenario: Scenario) -> Iterator[Problem]:
    """Everything that is wrong with `defects` and `expect`."""
    yield from _defects(scenario)
    yield from _expect(scenario)


def _defects(scenario: Scenario) -> Iterator[Problem]:
    known = {defect.id: defect.title for defect in DEFECTS}
    for index, name in enumerate(scenario.defects):
        if name not in known:
            yield Problem(
                path=("defects", index),
                found=show(name),
                expected=f"a defect: {choose(known, name)}",
            )
        elif name in scenario.defects[:index]:
            yield Problem(path=("defects", index), found=show(name), expected="each defect once")


def _expect(scenario: Scenario) -> Iterator[Problem]:
    expect: Expect = scenario.expect
    for index, name in enumerate(expect.findings):
        if name not in CHECKS:
            yield Problem(
                path=("expect", "findings", index),
                found=show(name),
                expected=f"a check that can fail: {choose(CHECKS, name)}",
            )
    if expect.verdict == "fail" and not expect.findings:
        yield Problem(path=("expect", "findings"), found="[]", expected="the checks that must fail")
    if expect.verdict != "fail" and expect.findings:
        yield Problem(
            path=("expect", "verdict"),
            found=show(expect.verdict),
            expected="fail, since findings are expected; or no findings",
        )
    # A balancer can sign in, too: one that shows a certificate of its own (F37); and so can who is believed wrongly.
    known = fleet.all_names(scenario) | {*scenario.site.balancers, *scenario.attackers}
    for name in expect.signed_in or {}:
        if name not in known:
            yield Problem(
                path=("expect", "signed_in", name),
                found=show(name),
                expected=f"a device: {choose(scenario.devices, name)}",
                looked_in=("devices",),
                at_key=True,
            )
