"""What cannot be on a settings page."""

from __future__ import annotations

from typing import Any

import pytest

from harness.site.page import CertProxy
from harness.site.page_problems import find_page_problems
from harness.site.site import Site

SITE = Site.model_validate(
    {
        "fqdn": "access.example.com",
        "nodes": {"node1": "10.20.1.1"},
        "balancers": {"vip": {"address": "10.20.0.10"}},
    }
)
PROBLEMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "A03 no destination": ({"destination": ""}, "destination", "exactly one host name"),
    "A15 forced, and a list": (
        {"destination": "10.20.0.10; 10.20.0.11"},
        "destination",
        "turn destination_forced off",
    ),
    "A08 accept list": (
        {"accept_remote_port_from": "vip"},
        "accept_remote_port_from",
        "a host name cannot stand here",
    ),
    "instances": (
        {"generation": "B", "cert_proxy_instances": "10.20.1.1 10.20.1.2"},
        "cert_proxy_instances",
        "a semicolon before",
    ),
    "row of the other generation": (
        {"remote_ip_source": "x_real_ip"},
        "remote_ip_source",
        "generation A has no such row",
    ),
    "switch of the other generation": ({"enabled": False}, "enabled", "generation: B has"),
    "no key": ({"certificate_proxy_key": " "}, "certificate_proxy_key", "the hash"),
    "port twice": (
        {"ports": [{"port": 5262}, {"port": 5263, "admin_port": True}, {"port": 5262}]},
        "ports[2].port",
        "each port once",
    ),
    "no admin port": ({"ports": [{"port": 5262}]}, "ports", "certificate call-back"),
}


@pytest.mark.parametrize(("rows", "path", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_each_mistake_is_told_at_its_place(rows: dict[str, Any], path: str, expected: str) -> None:
    """One problem, and what to write instead."""
    page = CertProxy.model_validate({"destination": "localhost", **rows})

    (problem,) = find_page_problems(SITE, page, ("page",))
    assert str(problem).startswith(f"$.page.{path}: got ")
    assert expected in problem.expected


@pytest.mark.parametrize("generation", ["A", "B"])
def test_a_plain_page_is_fine(generation: str) -> None:
    """Of either generation."""
    page = CertProxy.model_validate({"destination": "localhost", "generation": generation})

    assert list(find_page_problems(SITE, page, ("page",))) == []
