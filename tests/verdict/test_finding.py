"""A finding cannot be built without evidence."""

from __future__ import annotations

import pytest

from harness.net.address import Endpoint
from harness.trace.packet import PacketNumber
from harness.verdict.finding import Finding
from tests.trace_builder import N1


def test_a_finding_needs_packets() -> None:
    """The message is in the complaint."""
    with pytest.raises(ValueError, match="finding without packets: it broke"):
        Finding(message="it broke", packets=(), endpoints=(Endpoint(N1, 443),))


def test_a_finding_needs_endpoints() -> None:
    """Or the canary could not be told from the real thing."""
    with pytest.raises(ValueError, match="finding without endpoints: it broke"):
        Finding(message="it broke", packets=(PacketNumber(1),), endpoints=())
