"""The scenario as data."""

from __future__ import annotations

from harness.scenario.scenario import Scenario

SITE = {"fqdn": "access.example.com", "nodes": {"node1": "10.20.1.1"}}


def test_expects_a_pass_unless_told() -> None:
    """A scenario that says nothing must pass."""
    scenario = Scenario.model_validate({"scenario": "x", "site": SITE})

    assert scenario.expect.verdict == "pass"
    assert scenario.expect.findings == ()
    assert scenario.expect.signed_in is None
