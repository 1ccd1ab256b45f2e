"""Ways as columns: each comes back as it was."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from harness.trace.packet import Flow
from harness.trace.way_list import WayList

TCP = Flow(
    src=ip_address("10.0.0.1"), dst=ip_address("10.0.0.2"), protocol=6, src_port=65535, dst_port=0
)
WAYS = [
    ("dmz", TCP),
    ("inside", TCP),
    ("dmz", None),
    ("dmz", replace(TCP, src=TCP.dst, dst=TCP.src, src_port=0, dst_port=65535)),
    ("dmz", Flow(src=ip_address("::"), dst=ip_address("2001:db8::1"), protocol=255)),
    ("dmz", TCP),
]


def test_ways_come_back() -> None:
    """By index, from both ends, as a slice and one after another."""
    ways = WayList()

    assert [ways.add(*way) for way in WAYS] == [0, 1, 2, 3, 4, 5]

    ways.drop_indexes()
    assert list(ways) == WAYS
    assert ways[-2] == WAYS[-2]
    assert ways[1:4] == tuple(WAYS[1:4])
    with pytest.raises(IndexError):
        ways[6]
