"""Events that do not fit their scenario are told with their place."""

from __future__ import annotations

import pytest

from harness.scenario.error import ScenarioError
from harness.scenario.yaml import load_scenario

TEXT = """
scenario: events
site:
  fqdn: access.example.com
  nodes: {{node1: 10.20.1.1}}
  cert_proxy: {{destination_forced: true, destination: access.example.com}}
devices:
  pixel: {{user: alice@example.com}}
steps:
  - {step}
"""


@pytest.mark.parametrize(
    "step",
    [
        "{wait: 11m}",
        "{at: 500ms}",
        "{link: pixel, loss_percent: 5}",
        "{link: node1, segment: dmz, cut: true}",
        "{look_up: access.example.com, gives: []}",
        "{clock: node1, ahead: -90s}",
        "{together: [{device: pixel, sign_in: app}, {wait: 1s}]}",
    ],
)
def test_right_ones_pass(step: str) -> None:
    """Every kind of event, also beside others."""
    assert len(load_scenario(TEXT.format(step=step), name="events.yaml").steps) == 1


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{wait: soon}", '10:12: $.steps[0].wait: got "soon"; expected a duration of at most'),
        ("{wait: -1s}", "$.steps[0].wait"),
        ("{at: 900d}", "$.steps[0].at"),
        ("{link: pixl}", '$.steps[0].link: got "pixl"; expected a machine: '),
        ("{clock: node2, ahead: 1s}", '$.steps[0].clock: got "node2"; expected a machine: '),
        ("{clock: node1, ahead: much}", "$.steps[0].ahead"),
        ("{link: pixel, loss_percent: 101}", "$.steps[0].loss_percent: got 101; expected"),
        ('{look_up: ""}', "$.steps[0].look_up"),
        ("{together: [{wait: soon}]}", "$.steps[0].together[0].wait"),
    ],
)
def test_wrong_ones_are_told(step: str, told: str) -> None:
    """With what would have been right."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(TEXT.format(step=step), name="events.yaml")

    assert told in str(caught.value)
