"""The import of a certificate as a scenario writes it."""

from __future__ import annotations

from harness.certificate.rule import Rule
from harness.scenario.certificate_import import (
    AT_BALANCERS,
    PEM_ONLY,
    PFX_ONLY,
    CertificateImport,
)


def test_one_place_or_several() -> None:
    """Both are told alike."""
    one = CertificateImport(import_certificate="vip:443")
    two = CertificateImport(import_certificate=("node1:443", "node2:443"))

    assert (one.places, two.places) == (("vip:443",), ("node1:443", "node2:443"))


def test_no_fault_belongs_to_two_kinds_of_file() -> None:
    """And what a balancer loads fits both."""
    assert not PEM_ONLY & PFX_ONLY
    assert not AT_BALANCERS & (PEM_ONLY | PFX_ONLY)


def test_faults_are_named_after_the_rules_they_break() -> None:
    """So that a scenario says what `harness certificate check` would say; tags of PEM are the exception."""
    named = {rule.replace("-", "_") for rule in Rule}
    odd = {fault for fault in PEM_ONLY | PFX_ONLY | AT_BALANCERS if fault not in named}

    assert odd == {"no_begin_tag", "no_end_tag"}
