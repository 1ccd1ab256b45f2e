"""Imports that do not fit their site or their files."""

from __future__ import annotations

from typing import Any

import pytest

from harness.scenario.certificate_consistency import find_import_problems
from harness.scenario.certificate_import import CertificateImport
from harness.site.site import Site

SITE = Site.model_validate(
    {
        "fqdn": "access.example.com",
        "nodes": {"node1": "10.20.1.1"},
        "balancers": {"vip": {"address": "10.20.0.10"}},
    }
)


def judge(*, at: Any = "node1:443", **more: Any) -> list[str]:
    """The problems of one import."""
    step = CertificateImport.model_validate({"import_certificate": at, **more})
    return [str(p) for p in find_import_problems(("certificates", 0), step, SITE)]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"fault": "wrong_order"},
        {"file": "pfx", "fault": "no_password"},
        {"at": "vip:443", "fault": "missing_intermediate"},
        {"names": ("*.example.com", "a.example.com")},
        {"valid_for": "2h"},
    ],
)
def test_what_fits(more: dict[str, Any]) -> None:
    """Nothing to say."""
    assert judge(**more) == []


@pytest.mark.parametrize(
    ("more", "path", "told"),
    [
        ({"at": "node9:443"}, "import_certificate", "a port that ends TLS"),
        ({"at": []}, "import_certificate", "at least one place"),
        ({"at": "node1:5263"}, "import_certificate", "node1:443, whose certificate"),
        ({"at": "vip:443", "fault": "pkcs8_key"}, "fault", "a balancer serves only what"),
        ({"fault": "no_password"}, "fault", "file: pfx"),
        ({"file": "pfx", "fault": "pkcs8_key"}, "fault", "file: pem"),
        ({"names": ("A.example.com",)}, "names[0]", "lower case"),
        ({"valid_for": "0s"}, "valid_for", "a duration of at most"),
        ({"valid_for": "soon"}, "valid_for", "a duration of at most"),
    ],
)
def test_what_does_not(more: dict[str, Any], path: str, told: str) -> None:
    """One problem, with its place and a remedy."""
    (problem,) = judge(**more)

    assert problem.startswith(f"$.certificates[0].{path}: got ")
    assert told in problem
