"""Horizon: the last packet of each pair of ends, where the packets of a file are listed before its bytes are read.

Behind it a connection gets nothing more: nobody waits for that, and nothing comes too late.
"""

from __future__ import annotations

from harness.decode.packet.frame import TCP
from harness.decode.tcp.flow_key import Key
from harness.net.address import Endpoint
from harness.trace.packet_list import PacketList


class Horizon:
    """What is known of a file in which every packet was looked at."""

    def __init__(self, packets: PacketList) -> None:
        """Take all packets of the file."""
        columns = packets.columns
        latest = [0] * len(columns.ways)
        for way, number in zip(columns.way, columns.number, strict=True):
            latest[way] = number
        self._last: dict[Key, int] = {}
        for (tap, flow), number in zip(columns.ways, latest, strict=True):
            if flow is not None and flow.protocol == TCP:
                low, high = sorted((_encode(flow.source), _encode(flow.destination)))
                key = tap, low + high
                self._last[key] = max(self._last.get(key, 0), number)

    def is_behind(self, key: Key, number: int) -> bool:
        """Whether no packet after this one is between these ends; of what runs in a tunnel nothing is known."""
        last = self._last.get(key)
        return last is not None and last <= number


def _encode(end: Endpoint) -> bytes:
    """As a Segment writes it."""
    return end.address.packed + end.port.to_bytes(2, "big")
