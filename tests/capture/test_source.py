"""Tests of the source."""

from __future__ import annotations

import contextlib
import gzip
import random
import zlib
from io import BytesIO

import pytest

from harness.capture.source import Source

DATA = bytes(range(256)) * 20_000


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
        (gzip.compress(DATA)[:-9], "the gzip data is cut"),
        (gzip.compress(DATA)[:-8] + bytes(8), "the gzip data is damaged"),
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
    with contextlib.suppress(zlib.error):
        for byte in bytes(packed):
            known += byte_by_byte.decompress(bytes((byte,)))
    assert (source.problem or "").startswith("the gzip data is damaged")
    assert len(known) > 50_000
    assert data == known
