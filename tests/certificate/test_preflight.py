"""The preflight of names: what will happen on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from harness.certificate.preflight import find_name_flaws
from harness.certificate.rule import Rule
from harness.certificate.upload import File, read_pem
from harness.site.certificate_place import parse_place
from harness.site.site import Site
from tests.certificate.material import AT, FQDN, make

NODES = {"node1": "10.20.1.1", "node2": "10.20.1.2"}


def site(*, service: str | None, **more: Any) -> Site:
    """Two nodes behind a balancer that does this with 443, or without one."""
    balancers = {} if service is None else {"vip": {"address": "10.20.0.10", "443": service}}
    return Site.model_validate({"fqdn": FQDN, "nodes": NODES, "balancers": balancers, **more})


def judge(site: Site, place: str, *names: str) -> list[tuple[Rule, str]]:
    """Rule and remedy of each flaw."""
    good = make(*names)
    chain = File(name="c", data=(good.leaf + good.low + good.high).encode())
    certificate = read_pem(chain, File(name="k", data=good.key.encode()), at=AT).certificate
    assert certificate is not None
    flaws = find_name_flaws(certificate, site=site, place=parse_place(place, site), file="c")
    return [(flaw.rule, flaw.expected) for flaw in flaws]


PASSING = site(service="passthrough", domain="corp.example")
TERMINATING = site(service="terminate")
TWO = site(
    service="terminate",
    names={"lb1.example.com": "10.20.0.10", "files.example.com": "10.20.5.5"},
)


@pytest.mark.parametrize(
    ("site", "place", "names"),
    [
        pytest.param(
            PASSING, "node1:443", (FQDN, "node1.corp.example", "node2.corp.example"), id="B07"
        ),
        pytest.param(PASSING, "node1:443", (FQDN, "*.corp.example"), id="B07 wildcard"),
        pytest.param(TERMINATING, "vip:443", (FQDN,), id="B02"),
        pytest.param(TERMINATING, "node1:443", ("node1",), id="behind the balancer"),
        pytest.param(TERMINATING, "node2:5262", (FQDN,), id="proxy port"),
        pytest.param(TWO, "vip:443", (FQDN, "lb1.example.com"), id="B08"),
        pytest.param(TWO, "vip:443", ("*.example.com",), id="B08 wildcard"),
        pytest.param(site(service=None), "node1:443", (FQDN, "node1", "node2"), id="no balancer"),
    ],
)
def test_certificates_that_will_do(site: Site, place: str, names: tuple[str, ...]) -> None:
    """Nothing to tell."""
    assert judge(site, place, *names) == []


@pytest.mark.parametrize(
    ("site", "place", "names", "rule", "told"),
    [
        pytest.param(
            PASSING, "node1:443", (FQDN, "node1.corp.example"), Rule.NAME_MISSING,
            "node2.corp.example: nodes that ask node2 for a certificate refuse it", id="B07",
        ),
        pytest.param(
            TWO, "vip:443", (FQDN,), Rule.NAME_MISSING,
            "lb1.example.com: devices that open lb1.example.com refuse vip:443", id="B08",
        ),
        pytest.param(
            TERMINATING, "node1:443", ("node2",), Rule.COMMON_NAME, "node1, the name", id="node"
        ),
        pytest.param(
            TERMINATING, "vip:443", ("vip.example.com", FQDN), Rule.COMMON_NAME,
            f"{FQDN}, the name that users use at vip:443", id="B06",
        ),
    ],
)  # fmt: skip
def test_a_name_that_is_missing_is_told_with_what_happens(
    site: Site, place: str, names: tuple[str, ...], rule: Rule, told: str
) -> None:
    """First of all what the row says."""
    first, *_ = judge(site, place, *names)

    assert first[0] is rule
    assert told in first[1]


def test_a_wildcard_of_one_label_too_few_is_named() -> None:
    """It looks as if it would do."""
    deep = site(service="passthrough", domain="nodes.example.com")
    told = [expected for _, expected in judge(deep, "node1:443", FQDN, "*.example.com")]

    assert told[0].startswith("node1.nodes.example.com (*.example.com stands for one label only): ")
