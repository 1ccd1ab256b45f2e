"""The hazards of a page: each is told once, at its place, and a good page has none."""

from __future__ import annotations

from typing import Any

import pytest

from harness.site.page import CertProxy
from harness.site.page_hazards import NOBODY_SIGNS_IN, find_page_hazards
from harness.site.site import Site

PAGE: dict[str, Any] = {
    "destination": "access.example.com",
    "allow_remote_port_header": True,
    "accept_remote_port_from": "10.20.0.10",
}
B = {"generation": "B", "cert_proxy_instances": "10.20.1.0/24"}


def _site(mode: str) -> Site:
    return Site.model_validate(
        {
            "fqdn": "access.example.com",
            "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2"},
            "balancers": {"vip": {"address": "10.20.0.10", "443": mode}},
        }
    )


TERMINATING: dict[str, tuple[dict[str, Any], str, str]] = {
    "accept-nobody": ({"accept_remote_port_from": ""}, "accept_remote_port_from", "list 10.20.0.10"),
    "accept-anybody": (
        {"accept_remote_port_from": "0.0.0.0 0.0.0.0"},
        "accept_remote_port_from",
        "list 10.20.0.10 alone",
    ),
    "accept-not-the-balancer": (
        {"accept_remote_port_from": "10.20.0.11"},
        "accept_remote_port_from",
        "add 10.20.0.10",
    ),
    "header-off": (
        {"allow_remote_port_header": False},
        "allow_remote_port_header",
        "switch it on",
    ),
    "source-without-header": (
        {**B, "remote_ip_source": "remote_address"},
        "remote_ip_source",
        "x_forwarded_for or x_real_ip",
    ),
    "instance-missing": (
        {**B, "cert_proxy_instances": "10.20.1.1"},
        "cert_proxy_instances",
        "add 10.20.1.2",
    ),
    "chain-too-long": ({"number_of_load_balancers": 2}, "number_of_load_balancers", "set it to 1"),
    "destination-nobody": (
        {"destination_forced": False, "destination": ""},
        "destination",
        "list 10.20.0.10",
    ),
    "destination-anybody": (
        {"destination_forced": False, "destination": "0.0.0.0/0"},
        "destination",
        "force the destination",
    ),
    "destination-not-the-service": (
        {"destination_forced": False, "destination": "10.20.5.0/24"},
        "destination",
        "add 10.20.0.10",
    ),
    "destination-self-signed": ({"destination": "node2"}, "destination", "force access.example.com"),
    "list-read-as-network": (
        {"accept_remote_port_from": "10.20.0.10 255.255.255.0"},
        "accept_remote_port_from",
        "write 10.20.0.0/24",
    ),
    "keys-differ": (
        {"certificate_proxy_key": "a"},
        "certificate_proxy_key_identity_manager",
        "copy one value",
    ),
    "cert-proxy-off": ({**B, "enabled": False}, "enabled", "switch the cert proxy on"),
}  # fmt: skip
PASSTHROUGH: dict[str, tuple[dict[str, Any], str, str]] = {
    "header-without-termination": (
        {"destination": "localhost"},
        "allow_remote_port_header",
        "switch it off",
    ),
    "destination-behind-passthrough": (
        {"allow_remote_port_header": False},
        "destination",
        "force localhost",
    ),
}


def _told(mode: str, rows: dict[str, Any]) -> list[tuple[str, str, str]]:
    page = CertProxy.model_validate({**PAGE, **rows})
    found = find_page_hazards(_site(mode), page, ("page",))
    return [(str(h.kind), ".".join(map(str, h.path)), h.remedy) for h in found]


@pytest.mark.parametrize("kind", TERMINATING)
def test_behind_a_balancer_that_ends_tls(kind: str) -> None:
    """One mistake, one hazard, with its remedy."""
    rows, row, remedy = TERMINATING[kind]

    ((got, path, told),) = _told("terminate", rows)
    assert (got, path) == (kind, f"page.{row}")
    assert remedy in told


@pytest.mark.parametrize("kind", PASSTHROUGH)
def test_behind_a_balancer_that_passes_it_on(kind: str) -> None:
    """Other mistakes are possible there."""
    rows, row, remedy = PASSTHROUGH[kind]

    ((got, path, told),) = _told("passthrough", rows)
    assert (got, path) == (kind, f"page.{row}")
    assert remedy in told


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("terminate", {}),
        ("terminate", B),
        ("terminate", {**B, "remote_ip_source": "x_real_ip", "number_of_load_balancers": 2}),
        ("terminate", {"destination_forced": False, "destination": "10.20.0.0/24"}),
        ("terminate", {"accept_remote_port_from": "10.20.0.10/32; ::ffff:10.20.0.10"}),
        ("passthrough", {"destination": "localhost", "allow_remote_port_header": False}),
    ],
)
def test_a_good_page_has_none(mode: str, rows: dict[str, Any]) -> None:
    """The usual pages are not talked about."""
    assert _told(mode, rows) == []


def test_a_list_that_cannot_be_read_is_a_problem() -> None:
    """Not a hazard as well."""
    assert _told("terminate", {"accept_remote_port_from": "vip"}) == []


def test_nobody_has_one_wording() -> None:
    """The test that compares effects with scenarios looks for it."""
    site = _site("terminate")
    page = CertProxy.model_validate({**PAGE, "accept_remote_port_from": ""})
    (hazard,) = find_page_hazards(site, page, ())

    assert NOBODY_SIGNS_IN in hazard.effect
