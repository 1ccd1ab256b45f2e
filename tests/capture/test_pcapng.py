"""Tests of the pcapng reader: byte orders, old blocks, and what damage may hide."""

from __future__ import annotations

import gzip
import json
import struct
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture.block import Block, Capture, Damage, Interface, Keys, Statistics, Uncaptured
from harness.capture.pcapng import read_blocks, read_keys
from tests.packet_builder import Talk, build_capture

FILE = build_capture(Talk().open().send("client", b"hello").close().frames).getvalue()


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """One block, padded."""
    body += bytes(-len(body) % 4)
    size = 12 + len(body)
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def section(order: str = "<") -> bytes:
    """A section header."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(order: str = "<", options: bytes = b"", snap_length: int = 0) -> bytes:
    """An Ethernet interface."""
    return block(1, struct.pack(order + "HHI", 1, 0, snap_length) + options, order)


def packet(data: bytes, order: str = "<", ticks: int = 0, index: int = 0) -> bytes:
    """An enhanced packet block."""
    head = struct.pack(
        order + "IIIII", index, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data)
    )
    return block(6, head + data, order)


def read(data: bytes, *, past_damage: bool = False) -> list[Block]:
    """All blocks."""
    return list(read_blocks(BytesIO(data), past_damage=past_damage))


def packets(data: bytes, *, past_damage: bool = False) -> list[bytes]:
    """The bytes of all packets."""
    found = read(data, past_damage=past_damage)
    return [block.data for block in found if isinstance(block, Capture)]


def damage(data: bytes, *, past_damage: bool = False) -> list[Damage]:
    """All damage."""
    found = read(data, past_damage=past_damage)
    return [block for block in found if isinstance(block, Damage)]


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_both_byte_orders_are_read(order: str) -> None:
    """The section header tells which one."""
    data = section(order) + interface(order) + packet(b"abc", order, ticks=5)

    assert packets(data) == [b"abc"]
    assert read(data)[-1] == Capture(number=1, interface=0, time_ns=5000, size=3, data=b"abc")


def test_sections_of_different_order_follow_each_other() -> None:
    """Interfaces are counted over the file, packets too, and each section has its own interface 0."""
    data = (
        section("<")
        + interface("<")
        + packet(b"a", "<")
        + section(">")
        + interface(">")
        + packet(b"b", ">")
    )

    found = [(b.number, b.interface, b.data) for b in read(data) if isinstance(b, Capture)]

    assert found == [(1, 0, b"a"), (2, 1, b"b")]


@pytest.mark.parametrize(
    ("options", "ticks", "time_ns"),
    [
        (b"", 1_000_001, 1_000_001_000),
        (b"\x09\0\x01\0\x09\0\0\0", 1_000_001, 1_000_001),
        (b"\x09\0\x01\0\x00\0\0\0", 7, 7_000_000_000),
        (b"\x09\0\x01\0\x8a\0\0\0", 1024, 1_000_000_000),
        (b"\x09\0\x01\0\x0c\0\0\0", 1999, 1),
        (b"\x0e\0\x08\0" + struct.pack("<q", -2), 3_000_000, 1_000_000_000),
    ],
    ids=["default", "nano", "seconds", "two to the ten", "pico", "offset"],
)
def test_times_follow_resolution_and_offset(options: bytes, ticks: int, time_ns: int) -> None:
    """if_tsresol is a power of ten or of two; if_tsoffset is in seconds."""
    data = section() + interface(options=options) + packet(b"", ticks=ticks)

    assert [found.time_ns for found in read(data) if isinstance(found, Capture)] == [time_ns]


def test_old_and_simple_packets_are_read() -> None:
    """The obsolete packet block and the simple one count as frames; the simple one has no time."""
    old = block(2, struct.pack("<HHIIII", 0, 9, 0, 7, 2, 5) + b"ab")
    simple = block(3, struct.pack("<I", 6) + b"cdef")
    data = section() + interface(snap_length=4) + old + simple

    assert read(data)[-2:] == [
        Capture(number=1, interface=0, time_ns=7000, size=5, data=b"ab"),
        Capture(number=2, interface=0, time_ns=0, size=6, data=b"cdef"),
    ]


def test_unknown_blocks_are_passed_over_and_custom_ones_counted() -> None:
    """Wireshark shows a custom block as a frame, so packet numbers after it must shift."""
    data = section() + interface() + block(0x7777, b"x") + block(0xBAD, bytes(4)) + packet(b"a")

    assert read(data)[-2:] == [
        Uncaptured(number=1, kind=0xBAD),
        Capture(number=2, interface=0, time_ns=0, size=1, data=b"a"),
    ]


def test_gzip_is_unpacked() -> None:
    """The name of the file does not matter."""
    assert read(gzip.compress(FILE)) == read(FILE)


def test_keys_are_found_at_the_end() -> None:
    """read_keys sees what read_blocks sees, wherever it stands."""
    keys = block(10, struct.pack("<II", 0x544C534B, 3) + b"abc")
    data = section() + interface() + packet(b"a") + keys

    assert list(read_keys(BytesIO(data))) == [Keys(kind=0x544C534B, data=b"abc")]


@pytest.mark.parametrize(
    "bad",
    [
        struct.pack("<II", 6, 0xFFFFFF00) + bytes(40),
        struct.pack("<II", 6, 35) + bytes(28),
        struct.pack("<II", 6, 36) + bytes(24) + struct.pack("<I", 40),
        b"\xff" * 33,
        packet(b"x", index=9),
        block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99)),
        block(10, struct.pack("<II", 0x544C534B, 0x7FFFFFFF)),
        block(5, b""),
    ],
    ids=[
        "huge",
        "unaligned",
        "trailer",
        "noise",
        "interface",
        "captured size",
        "secrets size",
        "short",
    ],
)
def test_damage_is_told_and_ends_the_file(bad: bytes) -> None:
    """One report with its place, every packet before it; those past it and where they begin only where asked for."""
    before = section() + interface() + packet(b"a")
    after = packet(b"b") + packet(b"c") + packet(b"d")
    data = before + bad + after

    found, past = damage(data), damage(data, past_damage=True)

    assert packets(data) == [b"a"]
    assert packets(data, past_damage=True) == [b"a", b"b", b"c", b"d"]
    assert [(one.offset, one.resumed) for one in found] == [(len(before), None)]
    assert [(one.offset, one.resumed) for one in past] == [(len(before), len(before + bad))]
    assert found[0].message == past[0].message


@pytest.mark.parametrize(
    ("resolution", "time_ns"), [(b"\0", (1 << 63) - 1), (b"\x06", 1_790_000_000_000_000_000)]
)
def test_a_time_that_no_clock_shows_is_cut(resolution: bytes, time_ns: int) -> None:
    """Seconds in the place of microseconds: the time of such a packet still fits 64 bits."""
    options = struct.pack("<HH", 9, 1) + resolution + bytes(3) + bytes(4)
    described = block(1, struct.pack("<HHI", 1, 0, 0) + options)
    data = section() + described + packet(b"a", ticks=1_790_000_000_000_000)

    assert [b.time_ns for b in read(data) if isinstance(b, Capture)] == [time_ns]


def test_secrets_past_damage_count() -> None:
    """They add no packet: all that they do is open what was read."""
    secrets = block(10, struct.pack("<II", 0x544C534B, 3) + b"abc\0")
    data = section() + interface() + packet(b"a", index=7) + secrets

    assert [keys.data for keys in read_keys(BytesIO(data))] == [b"abc"]


def test_a_look_alike_in_a_payload_is_not_believed() -> None:
    """After damage, one block inside a payload is no chain."""
    before = section() + interface()
    inside = packet(b"forged")
    bad = packet(b"zz" + inside)[:-4] + b"\0\0\0\0"
    after = packet(b"b") + packet(b"c") + packet(b"d")

    assert packets(before + bad + after, past_damage=True) == [b"b", b"c", b"d"]


def test_a_damaged_interface_keeps_its_number() -> None:
    """Packets of the second interface must not become those of the first."""
    data = section() + block(1, b"") + interface() + packet(b"a", index=0) + packet(b"b", index=1)

    blocks = read(data, past_damage=True)

    assert [(b.interface, b.data) for b in blocks if isinstance(b, Capture)] == [(1, b"b")]
    assert len(damage(data, past_damage=True)) == 2


@pytest.mark.parametrize("size", range(1, len(FILE), 7))
def test_a_cut_file_gives_what_precedes_the_cut(size: int) -> None:
    """All whole blocks, then one report unless the cut is between two."""
    whole = [b for b in read(FILE) if isinstance(b, Capture)]

    found = read(FILE[:size])

    captured = [b for b in found if isinstance(b, Capture)]
    assert captured == whole[: len(captured)]
    assert all(isinstance(b, Damage) for b in found[-1:]) or found == read(FILE)[: len(found)]


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"\n\r\r\n", b"\n\r\r\n\x1c\0\0\0abcd"])
def test_what_is_no_capture_is_told(data: bytes) -> None:
    """Nothing but damage comes out."""
    assert [type(found) for found in read(data)] == [Damage]


@given(st.binary(max_size=8), st.integers(0, len(FILE) - 1), st.integers(0, 12))
def test_changed_bytes_never_raise(noise: bytes, at: int, gone: int) -> None:
    """Whatever is cut out and put in, blocks come out, and interfaces of packets exist."""
    data = FILE[:at] + noise + FILE[at + gone :]

    found = read(data, past_damage=True)

    assert read(data)[:-1] == found[: len(read(data)) - 1]
    known = {b.index for b in found if isinstance(b, Interface)}
    assert {b.interface for b in found if isinstance(b, Capture | Statistics)} <= known


def test_frame_counts_are_those_of_wireshark(shared: Path) -> None:
    """On every undamaged reference capture the count is the same."""
    truth = json.loads((shared / "corpus" / "truth.json").read_text())
    expected = {name: row["frames"] for name, row in truth.items() if row["tshark_rc"] == 0}

    found = {}
    for name in expected:
        with (shared / "corpus" / name).open("rb") as stream:
            found[name] = sum(isinstance(b, Capture | Uncaptured) for b in read_blocks(stream))

    assert len(expected) > 300
    assert found == expected
