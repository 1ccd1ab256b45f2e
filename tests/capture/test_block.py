"""Tests of blocks."""

from __future__ import annotations

from harness.capture.block import TLS_KEY_LOG


def test_the_secrets_type_is_the_registered_one() -> None:
    """It spells TLSK (draft-ietf-opsawg-pcapng section 4.7)."""
    assert TLS_KEY_LOG.to_bytes(4, "big") == b"TLSK"
