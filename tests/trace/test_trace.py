"""The trace: packets by number."""

from __future__ import annotations

import pytest

from harness.trace.packet import PacketNumber
from harness.trace.trace import Trace
from tests.trace_builder import TraceBuilder


def test_packets_are_found_by_their_number() -> None:
    """1-based, as Wireshark counts."""
    trace = TraceBuilder().build()

    assert [trace.packet(p.number) for p in trace.packets] == list(trace.packets)
    assert trace.packet(PacketNumber(1)).number == 1


def test_the_maps_of_a_trace_cannot_be_changed() -> None:
    """Pure data: two traces share no map by accident."""
    with pytest.raises(TypeError):
        Trace().annotations["site/1"] = "{}"  # type: ignore[index]
