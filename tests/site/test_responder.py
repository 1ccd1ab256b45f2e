"""The responder's contract: its two resources are named by origin-form targets, and nobody else has its name."""

from __future__ import annotations

from harness.site.preflight import RESERVED
from harness.site.responder import CRL_TARGET, OCSP_TARGET, RESPONDER


def test_targets() -> None:
    """RFC 9112 section 3.2.1."""
    assert OCSP_TARGET != CRL_TARGET
    assert OCSP_TARGET.startswith("/")
    assert CRL_TARGET.startswith("/")


def test_the_name_is_reserved() -> None:
    """No node, device or bystander can be called so."""
    assert RESPONDER in RESERVED
