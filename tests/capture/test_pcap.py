"""Tests of the pcap reader."""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture.block import Block, Capture, Damage
from harness.capture.pcap_form import MAX_PACKET_SIZE
from harness.capture.pcapng import read_blocks

SECONDS = 1_790_000_000


def header(order: str = "<", *, nano: bool = False, link_type: int = 1) -> bytes:
    """A file header."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)


def record(data: bytes, order: str = "<", *, fraction: int = 0, size: int | None = None) -> bytes:
    """One packet."""
    return struct.pack(order + "IIII", SECONDS, fraction, len(data), size or len(data)) + data


def read(data: bytes, *, past_damage: bool = False) -> list[Block]:
    """All blocks."""
    return list(read_blocks(BytesIO(data), past_damage=past_damage))


def packets(data: bytes, *, past_damage: bool = False) -> list[bytes]:
    """The bytes of all packets."""
    found = read(data, past_damage=past_damage)
    return [block.data for block in found if isinstance(block, Capture)]


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize(("nano", "time_ns"), [(False, 7000), (True, 7)], ids=["micro", "nano"])
def test_all_four_kinds_are_read(order: str, nano: bool, time_ns: int) -> None:
    """Byte order and resolution come from the magic."""
    data = header(order, nano=nano) + record(b"abc", order, fraction=7, size=90)

    assert read(data)[-1] == Capture(
        number=1, interface=0, time_ns=SECONDS * 10**9 + time_ns, size=90, data=b"abc"
    )


@pytest.mark.parametrize(("more", "count"), [(0, 1), (1, 0)], ids=["the largest", "too large"])
def test_how_large_a_packet_may_be(more: int, count: int) -> None:
    """A length above it is damage."""
    size = MAX_PACKET_SIZE + more

    found = read(header() + record(bytes(size)))

    assert [len(b.data) for b in found if isinstance(b, Capture)] == [size] * count
    assert [b.message for b in found if isinstance(b, Damage)] == [
        f"a record of {size} bytes"
    ] * more


@pytest.mark.parametrize("gone", range(1, 19))
def test_a_cut_file_gives_what_precedes_the_cut(gone: int) -> None:
    """The last packet is not delivered in part."""
    data = header() + record(b"a") + record(b"bcd")

    found = read(data[:-gone])

    assert packets(data[:-gone]) == [b"a"]
    assert isinstance(found[-1], Damage)
    assert found[-1].offset == len(header() + record(b"a"))


def test_damage_ends_the_file_unless_more_is_asked_for() -> None:
    """Then a length that cannot be is skipped up to a chain of records of the same day."""
    bad = struct.pack("<IIII", SECONDS, 0, 0x7FFFFFFF, 4) + b"\xff" * 11
    after = b"".join(record(bytes([n]) * 20) for n in range(4))
    data = header() + record(b"a") + bad + after

    damage = [b for b in read(data, past_damage=True) if isinstance(b, Damage)]

    assert packets(data) == [b"a"]
    assert packets(data, past_damage=True) == [b"a", *(bytes([n]) * 20 for n in range(4))]
    assert [one.resumed for one in damage] == [len(data) - len(after)]
    assert [replace(one, resumed=None) for one in damage] == read(data)[-1:]


def test_a_cut_header_is_told() -> None:
    """The magic alone is no file."""
    assert [type(b) for b in read(header()[:20])] == [Damage]


@pytest.mark.parametrize("past_damage", [False, True], ids=["default", "past damage"])
@pytest.mark.parametrize(
    ("gone", "place"),
    [(5, "inside a record of 20000 bytes"), (20_010, "6 bytes into a record header")],
    ids=["in a packet", "in a head"],
)
def test_a_cut_gzip_file_is_told_once_with_both_places(
    gone: int, place: str, *, past_damage: bool
) -> None:
    """The place in the compressed file, and where the contents end; the whole packets are given."""
    whole = header() + record(b"a") + record(random.Random(1).randbytes(20_000))
    packer = zlib.compressobj(wbits=31)
    cut = packer.compress(whole[:-gone]) + packer.flush(zlib.Z_SYNC_FLUSH)

    damage = [b for b in read(cut, past_damage=past_damage) if isinstance(b, Damage)]

    assert packets(cut) == [b"a"]
    assert [one.message for one in damage] == [
        f"the gzip data ends early, at byte {len(cut)} of the compressed file; its contents end {place}"
    ]
    assert damage[0].offset == len(header() + record(b"a"))


@given(st.binary(max_size=8), st.integers(4, 120), st.integers(0, 12))
def test_changed_bytes_never_raise(noise: bytes, at: int, gone: int) -> None:
    """Whatever is cut out and put in, the reader ends."""
    data = header() + b"".join(record(bytes([n]) * 20) for n in range(4))

    found = read(data[:at] + noise + data[at + gone :], past_damage=True)

    assert found
