"""Fleets as single devices with addresses."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address
from typing import Any

from harness.scenario.fleet import devices, expand
from harness.scenario.scenario import Scenario

SITE = {
    "fqdn": "access.example.com",
    "nodes": {"node1": "10.20.1.1"},
    "balancers": {"vip": {"address": "203.0.113.11"}},
}
ALICE = {"user": "alice@example.com"}


def _scenario(fleet: dict[str, Any], **more: object) -> Scenario:
    return Scenario.model_validate({"scenario": "x", "site": SITE, "devices": fleet, **more})


def test_one_device_keeps_its_name() -> None:
    """No count: no number."""
    (device,) = devices(_scenario({"pixel": ALICE}))

    assert (device.name, device.fleet, device.device.user) == (
        "pixel",
        "pixel",
        "alice@example.com",
    )


def test_a_fleet_is_numbered_from_one() -> None:
    """Names and users carry the number."""
    got = devices(_scenario({"phone": {"user": "user{n}@example.com", "count": 3}}))

    assert [(d.name, d.fleet, d.device.user) for d in got] == [
        ("phone-1", "phone", "user1@example.com"),
        ("phone-2", "phone", "user2@example.com"),
        ("phone-3", "phone", "user3@example.com"),
    ]
    assert [d.device.count for d in got] == [None, None, None]


def test_a_fleet_of_one_is_numbered() -> None:
    """`count: 1` is a fleet."""
    assert [d.name for d in devices(_scenario({"phone": {**ALICE, "count": 1}}))] == ["phone-1"]


def test_keeps_stated_addresses_and_avoids_everybody_elses() -> None:
    """Free addresses start at 203.0.113.10, without those of site, devices, attackers and bystanders."""
    scenario = _scenario(
        {"first": ALICE, "second": {**ALICE, "address": "203.0.113.12"}, "third": ALICE},
        attackers={"eve": {"address": "203.0.113.10"}},
        bystanders={"files": {"address": "203.0.113.13"}},
    )

    assert [str(d.address) for d in devices(scenario)] == [
        "203.0.113.14",
        "203.0.113.12",
        "203.0.113.15",
    ]
    assert all(d.device.address == d.address for d in devices(scenario))


def test_a_large_fleet_gets_carrier_addresses() -> None:
    """More than 200 devices: 100.64.0.0/10, all different."""
    got = [d.address for d in devices(_scenario({"phone": {**ALICE, "count": 5000}}))]

    assert got[0] == ip_address("100.64.0.10")
    assert len(set(got)) == 5000
    assert all(address in IPv4Network("100.64.0.0/10") for address in got)


def test_two_hundred_devices_fit_into_the_small_network() -> None:
    """The limit itself is still small."""
    got = devices(_scenario({"phone": {**ALICE, "count": 200}}))

    assert {d.address in IPv4Network("203.0.113.0/24") for d in got} == {True}
    assert len({d.address for d in got}) == 200


def test_a_full_small_network_is_left_for_the_large_one() -> None:
    """Its last address is used, and then those of a carrier."""
    used = {f"b{n}": {"address": f"203.0.113.{n}"} for n in range(20, 254)}
    scenario = _scenario({"phone": {**ALICE, "count": 12}}, bystanders=used)

    got = [str(d.address) for d in devices(scenario)]

    assert got == [
        "203.0.113.10",
        *(f"203.0.113.{n}" for n in (*range(12, 20), 254)),
        "100.64.0.10",
        "100.64.0.11",
    ]


def test_the_same_scenario_gives_the_same_addresses() -> None:
    """Captures of two runs can be compared."""
    scenario = _scenario({"phone": {**ALICE, "count": 20}, "pixel": ALICE})

    assert devices(scenario) == devices(scenario)


def test_expands_only_fleets() -> None:
    """Single devices, named or numbered, stay as they are."""
    scenario = _scenario(
        {"phone": {"user": "user{n}@example.com", "count": 2}, "pixel": ALICE},
        expect={"signed_in": {"phone": "user{n}@example.com", "pixel": "alice@example.com"}},
    )

    assert expand(scenario).expect.signed_in == {
        "phone-1": "user1@example.com",
        "phone-2": "user2@example.com",
        "pixel": "alice@example.com",
    }


def test_expands_nothing_where_nothing_is_stated() -> None:
    """No expectation about users stays none."""
    scenario = _scenario({"phone": {**ALICE, "count": 2}})

    assert expand(scenario) == scenario
