"""Tests of the source."""

from __future__ import annotations

import contextlib
import gzip
import random
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest

from harness.capture.source import MARGIN, Source

DATA = bytes(range(256)) * 20_000
PACKED = gzip.compress(DATA, mtime=0)


@pytest.mark.parametrize(
    "stored",
    [
        DATA,
        gzip.compress(DATA),
        gzip.compress(DATA[:7]) + gzip.compress(DATA[7:]),
        gzip.compress(DATA) + bytes(99),
    ],
    ids=["plain", "gzip", "two members", "padded"],
)
def test_the_bytes_come_out_whole(stored: bytes) -> None:
    """Compressed or not, the same bytes, with offsets of the uncompressed file."""
    source = Source(BytesIO(stored))

    first, rest = source.take(1000), source.take(len(DATA))

    assert first + rest == DATA
    assert source.offset == len(DATA)
    assert source.problem is None


def test_looking_takes_nothing() -> None:
    """A look ahead does not move the offset, however far it goes."""
    source = Source(BytesIO(DATA))

    assert source.look(4, skip=len(DATA) - 2) == DATA[-2:]
    assert source.look(4) == DATA[:4]
    assert source.offset == 0
    assert source.has(len(DATA))
    assert not source.has(len(DATA) + 1)


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        (
            PACKED[:-9],
            f"the gzip data ends early, at byte {len(PACKED) - 9} of the compressed file",
        ),
        (
            PACKED[:-8] + bytes(8),
            f"the gzip data is damaged before byte {len(PACKED) - 4} of the compressed file",
        ),
    ],
    ids=["cut", "damaged"],
)
def test_broken_gzip_is_told(stored: bytes, problem: str) -> None:
    """What could be unpacked is given, and the reason for the end is kept."""
    source = Source(BytesIO(stored))

    data = source.take(len(DATA))

    assert data[:256] == DATA[:256]
    assert source.problem is not None
    assert source.problem.startswith(problem)


def test_all_before_the_damage_is_given() -> None:
    """A damaged byte takes nothing with it that was packed before it, also not of its own chunk."""
    packed = bytearray(gzip.compress(random.Random(1).randbytes(100_000), mtime=0))
    packed[60_000:60_100] = bytes(100)
    source = Source(BytesIO(bytes(packed)))
    byte_by_byte = zlib.decompressobj(31)

    data = source.take(100_000)

    known = b""
    count = 0
    with contextlib.suppress(zlib.error):
        for byte in bytes(packed):
            count += 1
            known += byte_by_byte.decompress(bytes((byte,)))
    assert (source.problem or "").startswith(f"the gzip data is damaged before byte {count} of")
    assert len(known) > 50_000
    assert data == known


def test_room_is_made_for_bytes_that_come() -> None:
    """A damaged length says 200 MB in a file of a few bytes: memory goes by the bytes."""
    reserved: list[int] = []

    def reserve(size: int) -> memoryview:
        reserved.append(size)
        return memoryview(bytearray(size))

    source = Source(BytesIO(b"few"), reserve=reserve)

    assert not source.has(200_000_000)
    assert source.take(10) == b"few"
    assert sum(reserved) < 8_000_000


def test_a_window_has_a_margin() -> None:
    """Its bytes, and some that mean nothing, also where all of the buffer is full."""
    source = Source(BytesIO(DATA))

    assert bytes(source.window(3_000_000)[:-MARGIN]) == DATA[: len(source.window(1)) - MARGIN]
    assert len(source.window(1)) >= 3_000_000 + MARGIN
    source.take(len(DATA) - 3)
    assert bytes(source.window(3_000_000)[:-MARGIN]) == DATA[-3:]


@pytest.mark.parametrize("stored", [lambda data: data, gzip.compress], ids=["plain", "gzip"])
def test_a_long_look_ahead_grows_with_what_comes(stored: Callable[[bytes], bytes]) -> None:
    """Beyond the first buffer, from any place, nothing is lost or doubled."""
    data = random.Random(2).randbytes(9_000_000)
    source = Source(BytesIO(stored(data)))

    assert source.take(1_500_001) == data[:1_500_001]
    assert source.look(100, skip=7_000_000) == data[8_500_001:8_500_101]
    assert source.take(20_000_000) == data[1_500_001:]
    assert not source.has(1)
