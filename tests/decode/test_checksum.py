"""Tests of TCP checksums: right, wrong, and not filled in yet."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.decode.checksum import Checksum, judge_checksum
from tests.packet_builder import build_tcp, fill_checksum, sum_words

SRC, DST = "203.0.113.5", "10.20.0.10"


def segment(data: bytes, *, src: str = SRC, dst: str = DST) -> bytes:
    """With the right checksum."""
    return fill_checksum(src, dst, build_tcp((src, 50000), (dst, 443), seq=7, data=data))


def judge(data: bytes, *, src: str = SRC, dst: str = DST) -> Checksum:
    """The judgement of a segment's bytes."""
    return judge_checksum(ip_address(src).packed, ip_address(dst).packed, data)


@pytest.mark.parametrize("data", [b"", b"a", b"ab", bytes(range(255))], ids=len)
def test_a_right_checksum(data: bytes) -> None:
    """Odd sizes are padded with a zero byte for the sum."""
    assert judge(segment(data)) == "right"


def test_a_right_checksum_of_ipv6() -> None:
    """The pseudo-header has the longer addresses."""
    ends = {"src": "2001:db8::5", "dst": "2001:db8::10"}

    assert judge(segment(b"abc", **ends), **ends) == "right"


def test_every_bit_counts() -> None:
    """One bit turned over, wherever it stands outside the checksum: wrong."""
    good = segment(b"some data")
    places = [bit for bit in range(len(good) * 8) if bit // 8 not in (16, 17)]
    found = {
        judge(good[: bit // 8] + bytes((good[bit // 8] ^ 1 << bit % 8,)) + good[bit // 8 + 1 :])
        for bit in places
    }

    assert found == {"wrong"}


@pytest.mark.parametrize("with_length", [True, False])
def test_a_checksum_left_to_the_hardware(*, with_length: bool) -> None:
    """The sum of the pseudo-header alone says nothing about damage."""
    bare = build_tcp((SRC, 50000), (DST, 443), seq=7, data=b"some data")
    size = len(bare) if with_length else 0
    pseudo = ip_address(SRC).packed + ip_address(DST).packed + bytes((0, 6)) + size.to_bytes(2)
    left = bare[:16] + sum_words(pseudo).to_bytes(2) + bare[18:]

    assert judge(left) == "unknown"


def test_a_checksum_left_out() -> None:
    """Nothing filled in is no damage."""
    assert judge(build_tcp((SRC, 50000), (DST, 443), seq=7, data=b"some data")) == "unknown"
