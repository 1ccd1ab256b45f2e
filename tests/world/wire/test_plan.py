"""The plan's defaults."""

from __future__ import annotations

from harness.world.wire.plan import SEGMENTS, HostPlan, Plan


def test_the_innermost_segment_comes_first() -> None:
    """The order decides where two hosts meet."""
    assert Plan(hosts=()).segments == SEGMENTS == ("inside", "dmz", "outside")


def test_a_host_is_plain_unless_asked() -> None:
    """No loopback tap and the kernel's own port range."""
    plain = HostPlan(name="node1", attachments=())

    assert (plain.loopback_tap, plain.port_range) == (False, None)
