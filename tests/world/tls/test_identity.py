"""Identities and refusals."""

from __future__ import annotations

from harness.world.tls.identity import Identity, VerificationError


def test_key_is_not_shown() -> None:
    """A private key never reaches a log by being printed."""
    assert "PRIVATE" not in repr(Identity(chain_pem=("leaf",), key_pem="PRIVATE"))


def test_alert_of_a_refusal() -> None:
    """Unless the verifier knows better, the alert is certificate_unknown."""
    assert (VerificationError("no").alert, VerificationError("no", alert=48).alert) == (46, 48)
