"""Tap points of a wire."""

from __future__ import annotations

from harness.world.wire.kernel import KernelWire
from harness.world.wire.namespace import Mode
from tests.world.private_world import Live, site_plan


async def _taps(_: Mode) -> list[tuple[str, str, bool]]:
    wire = await KernelWire.build(site_plan())
    found = [(tap.name, tap.interface, tap.loopback) for tap in wire.taps]
    await wire.close()
    return found


def test_segments_and_chosen_loopbacks_are_tapped(live: Live) -> None:
    """One tap for each bridge, and one for the loopback of each node that asks for it."""
    assert live(_taps) == [
        ("inside", "inside", False),
        ("dmz", "dmz", False),
        ("outside", "outside", False),
        ("node1.lo", "lo", True),
    ]
