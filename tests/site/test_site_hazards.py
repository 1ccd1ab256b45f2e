"""The hazards of a site, and the page that lists them with a scenario that proves each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.scenario.certificate_hazards import find_certificate_hazards
from harness.scenario.scenario import Scenario
from harness.scenario.yaml import load_scenario
from harness.site.hazard import Hazard, HazardKind
from harness.site.page_hazards import NOBODY_SIGNS_IN
from harness.site.site import Site
from harness.site.site_hazards import find_hazards

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"\| ([a-z-]+) \| [^|]+ \| ([a-z]+/[a-z0-9-]+) \|")
PROOFS = dict(ROW.findall((ROOT / "docs" / "preflight.md").read_text(encoding="utf-8")))
SITE: dict[str, Any] = {
    "fqdn": "access.example.com",
    "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2"},
    "balancers": {"vip": {"address": "10.20.0.10"}},
    "cert_proxy": {
        "destination": "access.example.com",
        "allow_remote_port_header": True,
        "accept_remote_port_from": "10.20.0.10",
    },
}


def _kinds(changes: dict[str, Any]) -> list[tuple[str, str]]:
    found = find_hazards(Site.model_validate(SITE | changes))
    return [(str(hazard.kind), ".".join(map(str, hazard.path))) for hazard in found]


def _proof(kind: str) -> Scenario:
    file = ROOT / "scenarios" / f"{PROOFS[kind]}.yaml"
    return load_scenario(file.read_text(encoding="utf-8"), name=file.name)


def _foretold(proof: Scenario) -> tuple[Hazard, ...]:
    return (*find_hazards(proof.site), *find_certificate_hazards(proof))


def test_the_usual_site_has_none() -> None:
    """Nor has one in the cloud, where there is no page."""
    assert _kinds({}) == []
    assert _kinds({"kind": "cloud", "cert_proxy": {}}) == []


def test_a_node_that_differs_is_named() -> None:
    """With what its own page does."""
    rows = {"node_settings": {"node2": {"allow_remote_port_header": False}}}

    assert _kinds(rows) == [
        ("header-off", "node_settings.node2.allow_remote_port_header"),
        ("nodes-differ", "node_settings.node2"),
    ]


def test_a_row_that_says_the_same_is_no_difference() -> None:
    """Only what differs."""
    assert _kinds({"node_settings": {"node2": {"accept_remote_port_from": "10.20.0.10"}}}) == []


TWO = {
    "edge": {"address": "10.20.0.9", "to": ("vip",)},
    "vip": {"address": "10.20.0.10"},
}
CENTERS = {
    "vip-a": {"address": "10.20.0.9", "to": ("node1",)},
    "vip-b": {"address": "10.20.0.10", "to": ("node2",)},
}
ACCEPTED = {"accept_remote_port_from": "10.20.0.9; 10.20.0.10", "allow_remote_port_header": True}


@pytest.mark.parametrize(
    ("balancers", "page", "expected"),
    [
        (TWO, {"number_of_load_balancers": 2}, []),
        (TWO, {"number_of_load_balancers": 2, "accept_remote_port_from": "10.20.0.10"}, []),
        (TWO, {}, ["chain-too-short"]),
        (TWO, {"number_of_load_balancers": 3}, ["chain-too-long"]),
        ({**TWO, "edge": {**TWO["edge"], "443": "passthrough"}}, {}, ["chain-broken"]),
        ({"vip": {**TWO["vip"], "443": "offload"}}, {}, ["clear-text"]),
        (CENTERS, {}, []),
        (CENTERS, {"destination": "vip-b"}, ["destination-other-data-center"]),
    ],
)
def test_balancers_have_hazards_of_their_own(
    balancers: dict[str, Any], page: dict[str, Any], expected: list[str]
) -> None:
    """In a row, and in several data centers."""
    changes = {"balancers": balancers, "cert_proxy": {**SITE["cert_proxy"], **ACCEPTED, **page}}

    assert [kind for kind, _ in _kinds(changes)] == expected


def test_several_nodes_need_a_balancer() -> None:
    """A02: one node needs none."""
    alone = {"balancers": {}, "cert_proxy": {"destination": "localhost"}}

    assert _kinds(alone) == [("no-balancer", "balancers")]
    assert _kinds({**alone, "nodes": {"node1": "10.20.1.1"}}) == []


def test_every_kind_has_its_proof() -> None:
    """A finding that no scenario proves is an opinion."""
    assert set(PROOFS) == {str(kind) for kind in HazardKind}


@pytest.mark.parametrize("kind", PROOFS)
def test_the_proof_has_the_mistake(kind: str) -> None:
    """And no defect: the setting alone does it."""
    proof = _proof(kind)

    assert kind in {str(hazard.kind) for hazard in _foretold(proof)}
    assert proof.defects == ()


@pytest.mark.parametrize("kind", PROOFS)
def test_the_proof_shows_what_was_foretold(kind: str) -> None:
    """The checks that an effect names fail; where nobody is signed in, nobody is, before the page is mended."""
    proof = _proof(kind)
    (hazard, *_) = [h for h in _foretold(proof) if str(h.kind) == kind]
    is_mended = any(hasattr(step, "edit") for step in proof.steps)
    is_for_all = hazard.effect.endswith((NOBODY_SIGNS_IN, f"{NOBODY_SIGNS_IN} (V22)"))
    is_nobody_expected = is_for_all and not is_mended

    assert set(re.findall(r"V[0-9]{2}", hazard.effect)) == set(proof.expect.findings)
    assert not (is_nobody_expected and proof.expect.signed_in)
