"""Tests of the pcap layouts."""

from __future__ import annotations

import shutil
import struct
import subprocess
from io import BytesIO
from pathlib import Path

import pytest

from harness.capture.block import Block, Capture, Damage, Interface
from harness.capture.pcap_form import is_pcap
from harness.capture.pcapng import read_blocks

SECONDS = 1_790_000_000
FRAMES = (b"\x02" * 60, b"\x03" * 61, b"\x04" * 1400)
PLAIN, KUZNETSOV = 0xA1B2C3D4, 0xA1B2CD34


def header(
    order: str, magic: int, *, version: tuple[int, int] = (2, 4), link_type: int = 1
) -> bytes:
    """A file header."""
    return struct.pack(order + "IHHiIII", magic, *version, 0, 0, 65535, link_type)


def record(order: str, data: bytes, *, extra: bytes = b"", size: int | None = None) -> bytes:
    """One packet; `extra` ends its head."""
    return struct.pack(order + "IIII", SECONDS, 7, len(data), size or len(data)) + extra + data


def read(data: bytes) -> list[Block]:
    """All blocks."""
    return list(read_blocks(BytesIO(data)))


def frames(data: bytes) -> list[bytes]:
    """The bytes of all packets, where nothing is damaged."""
    found = read(data)
    assert not [block for block in found if isinstance(block, Damage)]
    return [block.data for block in found if isinstance(block, Capture)]


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize(
    ("magic", "file_extra", "extra", "time_ns"),
    [
        (PLAIN, b"", b"", 7000),
        (0xA1B23C4D, b"", b"", 7),
        (KUZNETSOV, b"", b"\0\0\0\0\0\0\4\0", 7000),
        (KUZNETSOV, b"", b"\0\0\0\0\0\0\4\0\1\2\0\0", 7000),
        (PLAIN, b"", b"\0\0\0\0\0\0\4\0", 7000),
        (PLAIN, b"", b"\x91\xfb\xfb\x61", 7000),
        (0x1C0001AC, b"\0\0\1\0", b"", 7),
        (0x1C0001AB, b"\0\0\1\0", b"", 7000),
    ],
    ids=["micro", "nano", "Kuznetsov", "SuSE", "Red Hat", "Nokia", "Ixia nano", "Ixia micro"],
)
def test_every_layout_is_read(
    order: str, magic: int, file_extra: bytes, extra: bytes, time_ns: int
) -> None:
    """Layouts with a magic of their own, and those that only their records tell."""
    data = header(order, magic) + file_extra
    data += b"".join(record(order, frame, extra=extra) for frame in FRAMES)

    captures = [block for block in read(data) if isinstance(block, Capture)]

    assert is_pcap(data)
    assert frames(data) == list(FRAMES)
    assert {block.time_ns for block in captures} == {SECONDS * 10**9 + time_ns}


@pytest.mark.parametrize(
    ("version", "swapped"),
    [((2, 2), True), ((543, 0), True), ((2, 3), True), ((2, 3), False), ((2, 4), False)],
    ids=["2.2", "DG/UX", "2.3 swapped", "2.3 not", "2.4"],
)
def test_old_versions_hold_the_size_first(version: tuple[int, int], *, swapped: bool) -> None:
    """Packets that were cut are given in the length that was kept."""
    order = (90, 3) if swapped else (3, 90)
    packet = struct.pack("<IIII", SECONDS, 7, *order) + b"abc"

    found = [
        (block.data, block.size)
        for block in read(header("<", PLAIN, version=version) + packet * 3)
        if isinstance(block, Capture)
    ]

    assert found == [(b"abc", 90)] * 3


@pytest.mark.parametrize(("told", "meant"), [(6, 1), (24, 0)], ids=["Ethernet", "loopback"])
def test_aix_tells_interface_types(told: int, meant: int) -> None:
    """Its files have nanoseconds too."""
    data = header(">", PLAIN, version=(2, 2), link_type=told) + record(">", b"abc")

    found = read(data)

    assert [b.link_type for b in found if isinstance(b, Interface)] == [meant]
    assert [b.time_ns for b in found if isinstance(b, Capture)] == [SECONDS * 10**9 + 7]


def test_the_upper_half_of_the_link_type_is_no_part_of_it() -> None:
    """It tells of the frame check sequence."""
    found = [b for b in read(header("<", PLAIN, link_type=0x14000071)) if isinstance(b, Interface)]

    assert [b.link_type for b in found] == [113]


@pytest.mark.parametrize("extra", [8, 4], ids=["Red Hat", "Nokia"])
def test_one_damaged_record_makes_no_other_layout(extra: int) -> None:
    """A single look-alike is not believed: the file is what its magic says, and damaged."""
    first = record("<", FRAMES[0], extra=bytes(extra))

    found = read(header("<", PLAIN) + first + b"\xff" * 40)

    assert [b.data for b in found if isinstance(b, Capture)] == [first[16:76]]
    assert isinstance(found[-1], Damage)


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
@pytest.mark.parametrize(
    "kind", ["pcap", "nsecpcap", "modpcap", "nokiapcap", "rh6_1pcap", "suse6_3pcap"]
)
def test_another_program_writes_what_is_read(kind: str, tmp_path: Path) -> None:
    """Wireshark's own files in each of its layouts give the same packets."""
    plain, other = tmp_path / "plain.pcap", tmp_path / "other.pcap"
    plain.write_bytes(header("<", PLAIN) + b"".join(record("<", frame) for frame in FRAMES))
    subprocess.run(["editcap", "-F", kind, plain, other], check=True, capture_output=True)

    assert frames(other.read_bytes()) == list(FRAMES)
