"""Steps of an administrator that do not fit their scenario are told with their place."""

from __future__ import annotations

import pytest

from harness.scenario.error import ScenarioError
from harness.scenario.yaml import load_scenario

TEXT = """
scenario: settings
site:
  fqdn: access.example.com
  nodes: {{node1: 10.20.1.1, node2: 10.20.1.2}}
  cert_proxy: {{destination_forced: true, destination: access.example.com}}
steps:
  - {step}
"""


@pytest.mark.parametrize(
    "step",
    [
        "{edit: node1, page: {destination: localhost}}",
        "{edit: all, page: {allow_remote_port_header: true, accept_remote_port_from: 10.20.0.10}}",
        "{save: all}",
        "{restart: all, service: access}",
        "{clone: node1, to: node2}",
        "{together: [{save: node1}, {restart: node2}]}",
    ],
)
def test_right_ones_pass(step: str) -> None:
    """Every kind of step, also beside others."""
    assert len(load_scenario(TEXT.format(step=step), name="settings.yaml").steps) == 1


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (
            "{edit: node3, page: {destination: localhost}}",
            '8:12: $.steps[0].edit: got "node3"; expected a node: ',
        ),
        (
            "{edit: node1, page: {destination: 10.20.0.0/24}}",
            '8:39: $.steps[0].page.destination: got "10.20.0.0/24"; expected exactly one',
        ),
        ("{edit: node1, page: {}}", "$.steps[0].page: got {}; expected at least one row"),
        (
            "{edit: node1, page: {destinatoin: localhost}}",
            'got an unknown key "destinatoin"; expected destination',
        ),
        ("{edit: node1, page: {enabled: false}}", "generation A has no such row"),
        (
            "{probe: node1}",
            '$.steps[0].probe: got "node1"; expected a balancer: none is defined here',
        ),
        ("{save: nodes}", '$.steps[0].save: got "nodes"; expected a node: '),
        ("{restart: node9}", '$.steps[0].restart: got "node9"; expected a node: '),
        ("{clone: all, to: node2}", '$.steps[0].clone: got "all"; expected a node: '),
        ("{clone: node1, to: node1}", '$.steps[0].to: got "node1"; expected another node'),
    ],
)
def test_wrong_ones_are_told(step: str, told: str) -> None:
    """With what would have been right."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(TEXT.format(step=step), name="settings.yaml")

    assert told in str(caught.value)
