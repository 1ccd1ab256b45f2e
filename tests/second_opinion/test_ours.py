"""What we read, of a trace that is at hand."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from harness.decode.decode import decode
from harness.second_opinion.ours import OfTrace
from harness.trace.packet import PacketNumber

RUN = Path(__file__).parents[2] / "captures" / "single-node.pcapng"


def test_a_trace_is_told_whole() -> None:
    """Its connections, and its packets as far as there are any."""
    trace = decode(BytesIO(RUN.read_bytes()))
    ours = OfTrace(trace)
    last = PacketNumber(len(trace.packets))

    assert tuple(ours.read()) == trace.connections
    assert ours.find_packets(frozenset((last, PacketNumber(last + 1)))) == [trace.packet(last)]
    assert (ours.packet_count, ours.is_damaged, ours.late_count) == (last, False, 0)
