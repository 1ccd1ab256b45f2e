"""A chain is data: it does not change, and a link needs no packets."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from harness.verdict.provenance import Link


def test_a_link_that_was_not_found_has_no_packets() -> None:
    """Its text says so."""
    assert Link(part="port", text="no tunnel had it").packets == ()


def test_a_link_does_not_change() -> None:
    """What was told stays told."""
    link = Link(part="port", text="node1")

    with pytest.raises(FrozenInstanceError):
        link.text = "node2"  # type: ignore[misc]
