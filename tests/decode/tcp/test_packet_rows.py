"""Packet rows: tables give the same packets as single packets; of a part, those that a check can name."""

from __future__ import annotations

import random
from collections import Counter
from io import BytesIO
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.pcapng import read_blocks
from harness.decode.packet.only import Only
from harness.decode.packet.table import PacketTable, read_tables
from harness.decode.packet_log import PacketLog
from harness.trace.packet import Packet
from harness.trace.packet_list import PacketList
from tests.decode.tcp.test_intake import shuffle, talk, write
from tests.packet_builder import SYN, Talk, build_ethernet, build_ip

ACK, FIN = 0x10, 0x01
SITE = Only(addresses=frozenset({ip_address("10.20.0.10")}))


def read_singly(stream: BytesIO) -> PacketList:
    """Packet by packet."""
    log = PacketLog()
    stream.seek(0)
    for block in read_blocks(stream):
        log.handle(block)
    return log.packets


def read_by_tables(stream: BytesIO, only: Only | None = None, window: int = 1 << 20) -> PacketList:
    """Many packets at once."""
    log = PacketLog(only)
    stream.seek(0)
    for item in read_tables(stream, window=window):
        if isinstance(item, PacketTable):
            log.feed(item)
        else:
            log.handle(item)
    return log.packets


def counts(packets: PacketList) -> Counter[object]:
    """Packets of the file by way."""
    found: Counter[object] = Counter()
    for way, count in zip(packets.columns.ways, packets.columns.count, strict=True):
        found[way] += count
    return +found


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1 << 16), window=st.sampled_from([4096, 1 << 20]))
def test_tables_give_the_same_packets(seed: int, window: int) -> None:
    """In order, with every fact, also where windows cut."""
    chance = random.Random(seed)
    frames = shuffle([talk(n) for n in range(1, 20)], chance)
    frames.insert(5, bytes(60))
    stream = write(frames)

    alone, together = read_singly(stream), read_by_tables(stream, window=window)

    assert list(together) == list(alone)
    assert counts(together) == counts(alone)
    assert (together.file_count, together.last_ns) == (alone.file_count, alone.last_ns)


def kept(talks: list[Talk], window: int = 1 << 20) -> list[Packet]:
    """What is kept of a large capture."""
    frames = [frame for each in talks for frame in each.frames]
    return list(read_by_tables(write(frames), SITE, window))


def test_of_an_ordinary_connection_little_is_kept() -> None:
    """What opens and what closes it: the packets between go the same ways."""
    packets = kept([Talk().open().send("client", bytes(9000), size=1000).close()])

    assert [p.tcp_flags for p in packets] == [SYN, SYN | ACK, FIN | ACK, FIN | ACK]


def test_what_has_no_beginning_is_kept_whole() -> None:
    """Nobody knows who opened it, and each packet is named."""
    whole = Talk().open().send("client", bytes(9000), size=1000)
    whole.frames[:3] = []

    assert len(kept([whole])) == len(whole.frames)


def test_a_beginning_in_an_earlier_table_counts() -> None:
    """The window is no limit."""
    long = Talk().open().send("client", bytes(400_000), size=1000)

    assert len(kept([long], window=1 << 17)) < len(long.frames) / 10


def test_what_does_not_concern_the_site_is_left_out() -> None:
    """Neither TCP nor UDP of others, nor ARP; what cannot be read is kept."""
    others = Talk(client=("10.9.9.9", 1000), server=("10.9.9.8", 80)).open().close()
    udp = build_ethernet(build_ip("10.9.9.9", "10.9.9.8", 17, bytes(8)))
    ours = build_ethernet(build_ip("10.9.9.9", "10.20.0.10", 17, bytes(8)))
    cut = build_ethernet(b"\x95\0\0", ether_type=0x0800)
    packets = read_by_tables(write([*others.frames, udp, ours, cut, bytes(60)]), SITE)

    count = len(others.frames)
    assert [p.number for p in packets] == [count + 2, count + 3]
    assert packets.file_count == count + 4


@pytest.mark.parametrize("window", [1 << 12, 1 << 20])
def test_packets_of_each_way_are_counted(window: int) -> None:
    """Also those that are not kept."""
    stream = write([frame for n in range(1, 9) for frame in talk(n).frames])

    assert counts(read_by_tables(stream, SITE, window)) == counts(read_singly(stream))
