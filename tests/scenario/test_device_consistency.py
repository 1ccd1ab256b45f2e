"""What does not go together about a device is told with its place."""

from __future__ import annotations

import pytest

from harness.scenario.error import ScenarioError
from harness.scenario.yaml import load_scenario

TEXT = """
scenario: devices
site:
  fqdn: access.example.com
  nodes: {{node1: 10.20.1.1}}
  cert_proxy: {{destination_forced: true, destination: access.example.com}}
devices:
  pixel: {{{device}}}
"""


@pytest.mark.parametrize(
    "device",
    [
        "user: a@b.c",
        "user: a@b.c, valid_for: 30m, later_user: d@e.f, tls: 1.2",
        "user: 'a{{n}}@b.c', later_user: 'd{{n}}@e.f', count: 2",
        "user: a@b.c, certificate: none, email: d@e.f",
    ],
)
def test_right_ones_pass(device: str) -> None:
    """Users, lives and fleets."""
    text = TEXT.format(device=device).replace("{{", "{").replace("}}", "}")

    assert len(load_scenario(text, name="devices.yaml").devices) == 1


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ("user: alice", '$.devices.pixel.user: got "alice"; expected a user such as'),
        ("user: a@b.c, later_user: bob", '$.devices.pixel.later_user: got "bob"'),
        ("user: a@b.c, email: bob", '$.devices.pixel.email: got "bob"'),
        ("user: a@b.c, later_user: '{n}@e.f'", "$.devices.pixel.later_user"),
        ("user: a@b.c, count: 2, address: 203.0.113.9", "$.devices.pixel.address"),
        ("user: a@b.c, valid_for: soon", '$.devices.pixel.valid_for: got "soon"; expected a'),
        ("user: a@b.c, valid_for: -1m", "$.devices.pixel.valid_for"),
        ("user: a@b.c, valid_for: 1m, certificate: expired", "nothing beside certificate: expired"),
    ],
)
def test_wrong_ones_are_told(device: str, told: str) -> None:
    """With the place of the key, the value and what is right."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(TEXT.format(device=device), name="devices.yaml")

    assert told in str(caught.value)
