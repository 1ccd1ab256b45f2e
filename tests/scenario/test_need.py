"""Which scenarios need the simulated wire, and how long steps last by themselves."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.scenario.need import find_needs, find_wait_ns
from harness.scenario.scenario import Scenario
from harness.scenario.yaml import load_scenario
from tests.scenario.test_event_consistency import TEXT


def _load(step: str) -> Scenario:
    return load_scenario(TEXT.format(step=step), name="events.yaml")


@pytest.mark.parametrize(
    ("step", "needs"),
    [
        ("{wait: 30s}", ()),
        ("{device: pixel, sign_in: app}", ()),
        ("{wait: 31s}", ("steps[0] lets 31s pass",)),
        ("{at: 11m}", ("steps[0] lets 11m pass",)),
        ("{link: pixel, cut: true}", ("steps[0] changes the link of pixel",)),
        ("{clock: node1, ahead: 1s}", ("steps[0] changes the clock of node1",)),
        (
            "{together: [{look_up: a.example.com, gives: []}, {link: node1}]}",
            ("steps[0] changes the link of node1",),
        ),
    ],
)
def test_needs_name_their_step(step: str, needs: tuple[str, ...]) -> None:
    """And nothing else needs a simulation."""
    assert find_needs(_load(step)) == needs


def test_a_step_may_last_as_long_as_it_says() -> None:
    """Its time-out comes on top."""
    (step,) = _load("{together: [{wait: 2s}, {at: 1m}]}").steps

    assert find_wait_ns(step) == 60_000_000_000
    assert find_wait_ns(_load("{device: pixel, sign_in: app}").steps[0]) == 0


def test_translated_addresses_need_a_simulation() -> None:
    """Of devices and of nodes."""
    plain = _load("{wait: 1s}")
    device = plain.devices["pixel"].model_copy(update={"behind": ip_address("198.51.100.7")})
    site = plain.site.model_copy(update={"translated": {"node1": ip_address("192.0.2.1")}})

    needs = find_needs(plain.model_copy(update={"devices": {"pixel": device}, "site": site}))

    assert needs == (
        "site.translated.node1 changes an address",
        "devices.pixel.behind changes an address",
    )


def test_packets_that_go_on_elsewhere_need_a_simulation() -> None:
    """F35: no kernel here forwards anything."""
    scenario = _load("{wait: 1s}").model_copy(update={"defects": ("F35",)})

    assert find_needs(scenario) == ("defects: F35 hands packets on with another destination",)
