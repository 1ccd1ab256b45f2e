"""Places of certificates, and the names needed there."""

from __future__ import annotations

from typing import Any

import pytest

from harness.site.certificate_place import (
    Place,
    find_certificate_problems,
    find_names,
    find_places,
    parse_place,
)
from harness.site.site import Site

FQDN = "access.example.com"


def make_site(service: str = "terminate", **more: Any) -> Site:
    """Two nodes behind a balancer."""
    return Site.model_validate(
        {
            "fqdn": FQDN,
            "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2"},
            "balancers": {"vip": {"address": "10.20.0.10", "443": service}},
            **more,
        }
    )


def test_places_are_where_tls_ends_with_a_certificate_of_its_own() -> None:
    """A passthrough port shows the one of 443; a balancer that passes TLS through has none."""
    found = [str(place) for place in find_places(make_site())]

    assert found == ["vip:443", "node1:443", "node1:5262", "node2:443", "node2:5262"]
    assert "vip:443" not in [str(place) for place in find_places(make_site("passthrough"))]


@pytest.mark.parametrize(
    ("text", "service", "told"),
    [
        ("node1", "terminate", "MACHINE:PORT, such as"),
        ("node1:99999", "terminate", "MACHINE:PORT, such as"),
        ("node9:443", "terminate", "a port that ends TLS: node"),
        ("node1:5263", "terminate", "node1:443, whose certificate that port shows"),
        ("vip:443", "passthrough", "vip passes that port through"),
        ("vip:5262", "terminate", "vip passes that port through"),
    ],
)
def test_what_is_no_place(text: str, service: str, told: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError, match=told):
        parse_place(text, make_site(service))


@pytest.mark.parametrize(
    ("place", "service", "more", "names"),
    [
        ("vip:443", "terminate", {}, (FQDN,)),
        ("vip:443", "terminate", {"names": {"lb1.x.com": "10.20.0.10"}}, (FQDN, "lb1.x.com")),
        ("node1:443", "terminate", {}, ("node1",)),
        ("node1:443", "terminate", {"domain": "x.com"}, ("node1.x.com",)),
        ("node1:443", "passthrough", {}, (FQDN, "node1", "node2")),
        ("node1:5262", "terminate", {}, (FQDN,)),
        ("node1:5262", "passthrough", {}, (FQDN, "node1", "node2")),
        (
            "node1:5263",
            "terminate",
            {"cert_proxy": {"ports": [{"port": 5262}, {"port": 5263, "admin_port": True}]}},
            ("node1",),
        ),
        (
            "node1:5262",
            "terminate",
            {"cert_proxy": {"ports": [{"port": 5262}]}},
            (FQDN, "node1"),
        ),
    ],
)
def test_the_names_that_are_needed(
    place: str, service: str, more: dict[str, Any], names: tuple[str, ...]
) -> None:
    """Who calls it by which name."""
    site = make_site(service, **more)

    assert find_names(site, parse_place(place, site)) == names


def test_a_place_is_written_as_it_is_read() -> None:
    """`vip:443`."""
    assert str(Place(machine="vip", port=443)) == "vip:443"


def test_expected_certificates_have_a_place_and_say_something() -> None:
    """Each problem with its path."""
    site = make_site(
        certificates={
            "vip:443": {"issuer": "CN=CA"},
            "node1:5262": {"sha256": "abc"},
            "node1:443": {},
            "node7:443": {"issuer": "CN=CA"},
        }
    )
    found = [str(problem) for problem in find_certificate_problems(site)]

    assert [text.split(":")[0] for text in found] == ["$.certificates.node1"] * 2 + [
        "$.certificates.node7"
    ]
    assert "64 hex digits" in found[0]
    assert "sha256 or issuer" in found[1]
    assert "a port that ends TLS" in found[2]
