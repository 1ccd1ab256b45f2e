"""Horizon: the last packet of each pair of ends, where the packets of a file are listed before its bytes are read.

Behind it a connection gets nothing more: nobody waits for that, and nothing comes too late.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.decode.packet.frame import TCP
from harness.decode.packet.table import Ints
from harness.decode.tcp.flow_key import Key
from harness.decode.tcp.segment_table import Bools
from harness.net.address import Endpoint
from harness.trace.packet_list import PacketList


class Horizon:
    """The Ending of a file in which every packet was looked at."""

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

    def is_too_late(self, closed_ns: int, now_ns: int) -> bool:
        """Nothing is: each packet was foreseen."""
        del closed_ns, now_ns
        return False

    def has_ended(self, key: Key, closed_ns: int | None, number: int, now_ns: int) -> bool:
        """See Ending; closed or not. Of what runs in a tunnel nothing is known."""
        del closed_ns, now_ns
        last = self._last.get(key)
        return last is not None and last <= number

    def choose(self, keys: Sequence[Key], closed_ns: Ints, number: int, now_ns: int) -> Bools:
        """See Ending."""
        del closed_ns
        return np.array([self.has_ended(key, None, number, now_ns) for key in keys], bool)


def _encode(end: Endpoint) -> bytes:
    """As a Segment writes it."""
    return end.address.packed + end.port.to_bytes(2, "big")
