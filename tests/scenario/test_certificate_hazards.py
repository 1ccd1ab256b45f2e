"""The hazards of certificates that a scenario imports."""

from __future__ import annotations

from typing import Any

import pytest

from harness.scenario.certificate_hazards import find_certificate_hazards
from harness.scenario.scenario import Scenario

BASE: dict[str, Any] = {
    "scenario": "x",
    "site": {
        "fqdn": "access.example.com",
        "domain": "corp.example",
        "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2"},
        "balancers": {"vip": {"address": "10.20.0.10"}},
        "cert_proxy": {
            "destination": "access.example.com",
            "ports": [
                {"port": 5262},
                {"port": 5263, "admin_port": True, "ssl_certificate_type": "custom"},
            ],
        },
    },
    "devices": {"pixel": {"user": "alice@example.com"}},
}


def _told(**more: Any) -> list[tuple[str, str]]:
    found = find_certificate_hazards(Scenario.model_validate(BASE | more))
    return [(str(hazard.kind), ".".join(map(str, hazard.path))) for hazard in found]


def _import(place: str, **more: Any) -> dict[str, Any]:
    return {"certificates": [{"import_certificate": place, **more}]}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"fresh_nodes": ["node2"]}, ("default-certificate", "fresh_nodes.0")),
        (_import("vip:443", signed_by="itself"), ("signer-unknown", "certificates.0.signed_by")),
        (_import("vip:443", names=["vip.example.com"]), ("name-missing", "certificates.0.names")),
        (
            _import("node1:5263", names=["*.example"]),
            ("node-name-missing", "certificates.0.names"),
        ),
    ],
)
def test_each_is_told_at_its_place(more: dict[str, Any], expected: tuple[str, str]) -> None:
    """One mistake, one hazard."""
    assert _told(**more) == [expected]


@pytest.mark.parametrize(
    "more",
    [
        {},
        _import("vip:443"),
        _import("vip:443", names=["*.example.com"]),
        _import("node1:5263", names=["*.corp.example"]),
        _import("vip:443", fault="missing_intermediate"),
        _import("vip:443", fault="wrong_order", names=["vip.example.com"]),
        {
            "fresh_nodes": ["node1"],
            "devices": {"pixel": {"user": "alice@example.com", "trusts_appliance": True}},
        },
    ],
)
def test_good_ones_are_not_talked_about(more: dict[str, Any]) -> None:
    """Nor what another check is for."""
    assert _told(**more) == []
