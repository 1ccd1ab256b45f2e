"""Batches: no packet comes by itself, and each is what a careful reader sees."""

from __future__ import annotations

import random
import struct
from io import BytesIO

import pytest

from harness.capture.block import Capture, Statistics
from harness.capture.pcapng import read_blocks
from harness.capture.writer import PcapngWriter
from harness.decode.packet.batch import read_batches
from harness.decode.packet.table import PacketTable

SIMPLE = 3
"""Every third packet is in a simple packet block, which no table of the file holds."""


def _write(count: int) -> BytesIO:
    chance = random.Random(count)
    stream = BytesIO()
    writer = PcapngWriter(stream)
    writer.write_interface("eth0")
    writer.write_interface("eth1", link_type=101)
    for number in range(count):
        data = chance.randbytes(4 * chance.randrange(20))
        if number % SIMPLE:
            writer.write_packet(number % 2, number, data, size=200)
        else:
            size = 16 + len(data)
            stream.write(struct.pack("<III", 3, size, len(data)) + data + struct.pack("<I", size))
    writer.write_statistics(0, 0, received=count)
    stream.seek(0)
    return stream


@pytest.mark.parametrize("count", [0, 1, 2, 100, 20_000])
def test_tables_hold_every_packet_in_order(count: int) -> None:
    """Bytes, sizes, times, interfaces and numbers."""
    stream = _write(count)
    careful = [
        (b.number, b.interface, b.time_ns, b.size, b.data)
        for b in read_blocks(stream)
        if isinstance(b, Capture)
    ]
    stream.seek(0)
    found = [
        (item.first_number + row, interface, time_ns, size, bytes(item.data[begin : begin + kept]))
        for item in read_batches(stream, window=1 << 16)
        if isinstance(item, PacketTable)
        for row, (interface, time_ns, size, begin, kept) in enumerate(
            zip(item.interface, item.time_ns, item.size, item.offset, item.kept, strict=True)
        )
    ]

    assert found == careful


def test_no_packet_comes_by_itself() -> None:
    """Those that stand alone are put together."""
    items = list(read_batches(_write(10), window=1 << 16))

    assert not any(isinstance(item, Capture) for item in items)
    assert any(isinstance(item, Statistics) for item in items)
