"""Tests of packet tables: the same packets as the careful reader finds, and everything else left to it."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.block import Block, Capture, Damage, Keys
from harness.capture.pcapng import read_blocks
from harness.capture.writer import PcapngWriter
from harness.decode.packet.table import START, PacketTable, read_tables

Row = tuple[int, int, int, int, bytes]


def rows(
    stream: BytesIO, *, window: int = 1 << 16, past_damage: bool = False
) -> tuple[list[Row], list[Block], int]:
    """All packets, all other blocks, and how many packets were in tables."""
    packets: list[Row] = []
    rest: list[Block] = []
    count = 0
    for item in read_tables(stream, window=window, past_damage=past_damage):
        if isinstance(item, PacketTable):
            count += len(item)
            columns = (item.interface, item.time_ns, item.size, item.offset, item.kept)
            for row, (tap, time_ns, size, offset, kept) in enumerate(
                zip(*(column.tolist() for column in columns), strict=True)
            ):
                data = bytes(item.data[offset : offset + kept])
                packets.append((item.first_number + row, tap, time_ns, size, data))
        elif isinstance(item, Capture):
            packets.append((item.number, item.interface, item.time_ns, item.size, item.data))
        else:
            rest.append(item)
    return packets, rest, count


def careful_rows(stream: BytesIO, *, past_damage: bool = False) -> tuple[list[Row], list[Block]]:
    """The same of the careful reader."""
    blocks = list(read_blocks(stream, past_damage=past_damage))
    packets = [
        (b.number, b.interface, b.time_ns, b.size, b.data) for b in blocks if isinstance(b, Capture)
    ]
    return packets, [b for b in blocks if not isinstance(b, Capture)]


def join_keys(rest: list[Block]) -> tuple[list[Block], bytes]:
    """The secrets of several blocks may come as one."""
    keys = b"".join(b"\n" + block.data for block in rest if isinstance(block, Keys))
    return [block for block in rest if not isinstance(block, Keys)], keys.replace(b"\n\n", b"\n")


def test_secrets_that_nobody_wants_are_passed() -> None:
    """Only a few of their blocks come; packets are the same."""
    data = build_file(3000)  # A look-alike at a chain's end is followed with care, secrets too.
    wanted = list(read_tables(BytesIO(data), window=1 << 20))
    others = list(read_tables(BytesIO(data), window=1 << 20, keys=False))

    counts = [
        sum(len(item) for item in items if isinstance(item, PacketTable))
        for items in (wanted, others)
    ]

    assert counts[0] == counts[1] > 2900
    assert len(join_keys([i for i in others if isinstance(i, Keys)])[1]) < 2000
    assert len(join_keys([i for i in wanted if isinstance(i, Keys)])[1]) > 3000


def build_file(count: int, *, keys_every: int = 5) -> bytes:
    """Packets of two interfaces, look-alikes of blocks in their data, and secrets between them."""
    stream = BytesIO()
    writer = PcapngWriter(stream)
    taps = [writer.write_interface("a"), writer.write_interface("b")]
    fake = struct.pack("<IIIIIII", 6, 32, 0, 0, 0, 0, 0) + struct.pack("<I", 32)
    for number in range(count):
        if number % keys_every == 0:
            writer.write_secrets(b"# %d\n" % number)
        data = bytes(number % 50) + fake * (number % 3)
        writer.write_packet(taps[number % 2], 10**18 + number, data, size=len(data) + number % 7)
    return stream.getvalue()


@pytest.mark.parametrize("window", [100, 1000, 1 << 20])
def test_tables_hold_what_the_careful_reader_finds(window: int) -> None:
    """Numbers, times, sizes and bytes, whatever the window; nearly all of them from tables."""
    data = build_file(3000)

    packets, rest, count = rows(BytesIO(data), window=window)

    careful_packets, careful_rest = careful_rows(BytesIO(data))
    assert packets == careful_packets
    assert join_keys(rest) == join_keys(careful_rest)
    assert len(join_keys(rest)[1].split()) == 1200
    assert count > 0


@pytest.mark.parametrize("past_damage", [False, True])
@settings(max_examples=60, deadline=None)
@given(
    place=st.integers(0, 20_000),
    junk=st.binary(min_size=1, max_size=40),
    window=st.sampled_from([64, 4000, 1 << 20]),
)
def test_damage_is_left_to_the_careful_reader(
    place: int, junk: bytes, window: int, *, past_damage: bool
) -> None:
    """Overwritten bytes give the same packets and the same damage; secrets may come a little earlier."""
    data = bytearray(build_file(300))
    place = min(place, len(data) - len(junk))
    data[place : place + len(junk)] = junk

    packets, rest, _ = rows(BytesIO(bytes(data)), window=window, past_damage=past_damage)
    careful, others = careful_rows(BytesIO(bytes(data)), past_damage=past_damage)

    assert packets == careful
    assert [b for b in rest if isinstance(b, Damage)] == [
        b for b in others if isinstance(b, Damage)
    ]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D], ids=["microseconds", "nanoseconds"])
def test_pcap_records_are_a_table(order: str, magic: int) -> None:
    """Both byte orders and both resolutions; the cut end is damage."""
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 1)
    for number in range(2000):
        data += struct.pack(order + "IIII", 1_700_000_000 + number, number, 60, 61) + bytes(60)
    data += bytes(9)

    packets, rest, count = rows(BytesIO(data))

    assert (packets, rest) == careful_rows(BytesIO(data))
    assert count == 2000
    assert isinstance(rest[-1], Damage)


@pytest.mark.parametrize("kind", ["pcapng", "pcap"])
def test_starts_are_at_hand(kind: str) -> None:
    """The first bytes of each frame; where it is shorter, also at the end of the file, something stands behind it."""
    frames = [bytes([number % 251]) * (number % 90) for number in range(200)]
    stream = BytesIO()
    if kind == "pcapng":
        writer = PcapngWriter(stream)
        tap = writer.write_interface("a")
        for frame in frames:
            writer.write_packet(tap, 10**18, frame, size=len(frame))
    else:
        stream.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            stream.write(struct.pack("<IIII", 1_700_000_000, 0, len(frame), len(frame)) + frame)

    items = read_tables(BytesIO(stream.getvalue()), window=1 << 20)
    (table,) = [item for item in items if isinstance(item, PacketTable)]
    starts = [
        start.tobytes()[: len(frame)] for start, frame in zip(table.starts, frames, strict=True)
    ]

    assert starts == [frame[:START] for frame in frames]


@pytest.mark.parametrize("resolution", [3, 6, 9, 10, 0x80 | 20], ids=lambda r: f"tsresol {r}")
def test_every_resolution_gives_the_exact_time(resolution: int) -> None:
    """Powers of ten and of two, also finer than a nanosecond."""

    def block(kind: int, body: bytes) -> bytes:
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    option = struct.pack("<HHB3xHHqHH", 9, 1, resolution, 14, 8, -5, 0, 0)
    data = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(1, struct.pack("<HHI", 1, 0, 0) + option)
    for ticks in (0, 1, 999, 10**15 + 7, (1 << 63) - 1):
        data += block(6, struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, 4, 4) + b"abcd")

    packets, _, _ = rows(BytesIO(data))
    careful, _ = careful_rows(BytesIO(data))

    limit = (1 << 63) - 1
    assert [row[2] for row in packets] == [min(row[2], limit) for row in careful]
