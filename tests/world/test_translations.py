"""Translations: who stands for whom, and with which ports."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from harness.scenario.fleet import devices
from harness.scenario.scenario import Scenario
from harness.world.layout import lay_out
from harness.world.translations import find_translations
from harness.world.wire.plan import Translation

ROUTER = ip_address("198.51.100.7")


def _scenario(*, behind: Any = None, **site: Any) -> Scenario:
    hidden = {} if behind is None else {"behind": behind}
    return Scenario.model_validate(
        {
            "scenario": "x",
            "site": {
                "fqdn": "access.example.com",
                "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2"},
                "cert_proxy": {"destination": "localhost"},
                **site,
            },
            "devices": {
                "pixel": {"user": "alice@example.com", **hidden},
                "phone": {"user": "u{n}@example.com", "count": 2, **hidden},
            },
        }
    )


def test_devices_behind_one_address_have_ports_of_their_own() -> None:
    """Blocks that do not overlap, told in the run note instead of the address."""
    scenario = _scenario(behind="198.51.100.7")

    (translation,) = find_translations(scenario, devices(scenario))
    layout = lay_out(scenario)

    blocks = [ports for ports in translation.blocks.values() if ports is not None]
    assert (translation.segment, translation.outside) == ("outside", ROUTER)
    assert blocks == [(1024, 5119), (5120, 9215), (9216, 13311)]
    assert [layout.seen(d.address) for d in layout.devices] == [
        "198.51.100.7:1024-5119",
        "198.51.100.7:5120-9215",
        "198.51.100.7:9216-13311",
    ]


def test_without_a_router_devices_are_seen_as_they_are() -> None:
    """And nothing is translated."""
    layout = lay_out(_scenario())

    assert layout.plan.translations == ()
    assert [layout.seen(d.address) for d in layout.devices] == [
        str(d.address) for d in layout.devices
    ]


def test_a_node_keeps_its_ports_behind_an_address_of_its_own() -> None:
    """And shares them out where several nodes have the same one."""
    alone = _scenario(translated={"node1": "192.0.2.11"})
    both = _scenario(translated={"node1": "192.0.2.11", "node2": "192.0.2.11"})
    outside, node1, node2 = map(ip_address, ("192.0.2.11", "10.20.1.1", "10.20.1.2"))

    assert find_translations(alone, ()) == (
        Translation(segment="dmz", outside=outside, blocks={node1: None}),
    )
    (shared,) = find_translations(both, ())
    assert dict(shared.blocks) == {node1: (1024, 5119), node2: (5120, 9215)}
