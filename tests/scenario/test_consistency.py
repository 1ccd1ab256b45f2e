"""Names, addresses and expectations of a scenario; the messages' table is in test_yaml.py."""

from __future__ import annotations

from typing import Any

import pytest

from harness.scenario.consistency import find_problems
from harness.scenario.scenario import Scenario

BASE: dict[str, Any] = {
    "scenario": "x",
    "site": {
        "fqdn": "access.example.com",
        "nodes": {"node1": "10.20.1.1"},
        "balancers": {"vip": {"address": "10.20.0.10"}},
        "names": {"files.example.com": "10.20.5.9"},
    },
    "devices": {"phone": {"user": "user{n}@example.com", "count": 2}},
    "attackers": {"mallory": {"address": "198.51.100.66"}},
    "bystanders": {"files": {"address": "10.20.5.9"}},
}

FINE: dict[str, dict[str, Any]] = {
    "base": {},
    "a fleet and one of it": {"steps": [{"device": ["phone", "phone-2"], "sign_in": "a"}]},
    "a name of the site": {"steps": [{"device": "phone", "sign_in": "a", "host": "files.example.com"}]},
    "a bystander and a port": {"steps": [{"device": "phone", "sign_in": "a", "host": "files:8443"}]},
    "an address": {"steps": [{"device": "phone", "sign_in": "a", "host": "192.0.2.1"}]},
    "localhost": {"steps": [{"device": "phone", "sign_in": "a", "host": "localhost:22"}]},
    "the FQDN": {"steps": [{"attacker": "mallory", "request": "access.example.com:443"}]},
    "an IPv6 target": {"steps": [{"attacker": "mallory", "call_back": "[2001:db8::1]:5263"}]},
    "any header value of bytes": {"steps": [{"device": "phone", "sign_in": "a", "headers": {"A": "\t \u00e9"}}]},
    "one of a fleet is expected": {"expect": {"signed_in": {"phone-1": "user1@example.com"}}},
    "nobody is expected": {"expect": {"signed_in": {}}},
    "rules for all hosts": {
        "devices": {"pixel": {"user": "a@b.c", "tunnel": [{"host": "*"}, {"host": "*.a.b"}, {"host": "10.0.0.1"}]}}
    },
}  # fmt: skip

PROBLEMS: dict[str, tuple[dict[str, Any], str]] = {
    "one of a fleet that is not there": (
        {"steps": [{"device": "phone-3", "sign_in": "a"}]},
        "$.steps[0].device",
    ),
    "name of one of a fleet": (
        {"attackers": {"phone-1": {"address": "198.51.100.66"}}},
        "$.attackers.phone-1",
    ),
    "name of a further host": (
        {"bystanders": {"vip": {"address": "10.20.5.9"}}},
        "$.bystanders.vip",
    ),
    "two strangers, one address": (
        {"bystanders": {"files": {"address": "198.51.100.66"}}},
        "$.bystanders.files.address",
    ),
    "link-local stranger": (
        {"attackers": {"mallory": {"address": "fe80::1"}}},
        "$.attackers.mallory.address",
    ),
    "no device": ({"steps": [{"device": [], "sign_in": "a"}]}, "$.steps[0].device"),
    "inside together": (
        {"steps": [{"together": [{"device": "moto", "sign_in": "a"}]}]},
        "$.steps[0].together[0].device",
    ),
    "no port number": (
        {"steps": [{"attacker": "mallory", "request": "vip:https"}]},
        "$.steps[0].request",
    ),
    "line break in a header": (
        {"steps": [{"attacker": "mallory", "request": "vip:443", "headers": {"A": "b\nc"}}]},
        "$.steps[0].headers.A",
    ),
    "header value beyond bytes": (
        {"steps": [{"device": "phone", "sign_in": "a", "headers": {"A": "\u20ac"}}]},
        "$.steps[0].headers.A",
    ),
}


@pytest.mark.parametrize("changes", FINE.values(), ids=FINE)
def test_accepts(changes: dict[str, Any]) -> None:
    """Everything that names something that exists."""
    assert find_problems(Scenario.model_validate(BASE | changes)) == ()


@pytest.mark.parametrize(("changes", "path"), PROBLEMS.values(), ids=PROBLEMS)
def test_finds(changes: dict[str, Any], path: str) -> None:
    """One mistake, one problem, at its place."""
    (problem,) = find_problems(Scenario.model_validate(BASE | changes))

    assert str(problem).startswith(f"{path}: got ")
