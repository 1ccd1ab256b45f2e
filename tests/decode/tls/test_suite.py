"""Tests of harness/decode/tls/suite.py."""

from __future__ import annotations

import pytest

from harness.decode.tls.suite import describe_suite, find_suite
from harness.decode.tls.suite_name import NAMES

ROWS = [
    # code point, cipher, mode, key bytes, tag bytes, MAC, hash, TLS 1.3
    (0x1301, "AES", "GCM", 16, 16, None, "sha256", True),
    (0x1302, "AES", "GCM", 32, 16, None, "sha384", True),
    (0x1303, "CHACHA20_POLY1305", "POLY1305", 32, 16, None, "sha256", True),
    (0x1304, "AES", "CCM", 16, 16, None, "sha256", True),
    (0x1305, "AES", "CCM", 16, 8, None, "sha256", True),
    (0xC030, "AES", "GCM", 32, 16, None, "sha384", False),
    (0xCCA8, "CHACHA20_POLY1305", "POLY1305", 32, 16, None, "sha256", False),
    (0xC0AF, "AES", "CCM", 32, 8, None, "sha256", False),
    (0x002F, "AES", "CBC", 16, 0, "sha1", "sha256", False),
    (0xC028, "AES", "CBC", 32, 0, "sha384", "sha384", False),
    (0xC076, "CAMELLIA", "CBC", 16, 0, "sha256", "sha256", False),
    (0x000A, "3DES_EDE", "CBC", 24, 0, "sha1", "sha256", False),
    (0x0004, "RC4", "STREAM", 16, 0, "md5", "sha256", False),
    (0xC07A, "CAMELLIA", "GCM", 16, 16, None, "sha256", False),
    (0xC087, "CAMELLIA", "GCM", 32, 16, None, "sha384", False),
    (0x0096, "SEED", "CBC", 16, 0, "sha1", "sha256", False),
    (0x0007, "IDEA", "CBC", 16, 0, "sha1", "sha256", False),
    (0x0009, "DES", "CBC", 8, 0, "sha1", "sha256", False),
    (0xC010, "NULL", "STREAM", 0, 0, "sha1", "sha256", False),
]


@pytest.mark.parametrize("row", ROWS, ids=[NAMES[row[0]] for row in ROWS])
def test_name_says_the_parameters(
    row: tuple[int, str, str, int, int, str | None, str, bool],
) -> None:
    """The parameters are those of the RFC that defines the suite."""
    suite = find_suite(row[0])

    assert suite is not None
    got = (
        suite.cipher,
        suite.mode,
        suite.key_size,
        suite.tag_size,
        suite.mac,
        suite.hash,
        suite.is_tls13,
    )
    assert got == row[1:]


def test_what_can_be_opened() -> None:
    """Every suite of a cipher that the library has, and no export suite."""
    suites = [suite for code in NAMES if (suite := find_suite(code)) is not None]

    assert {suite.cipher for suite in suites} == {
        "AES",
        "CAMELLIA",
        "SEED",
        "IDEA",
        "3DES_EDE",
        "DES",
        "RC4",
        "CHACHA20_POLY1305",
        "NULL",
    }
    assert {suite.key_size for suite in suites} == {0, 8, 16, 24, 32}
    assert {suite.mac for suite in suites} == {None, "md5", "sha1", "sha256", "sha384"}
    assert not any("EXPORT" in suite.name for suite in suites)


@pytest.mark.parametrize(
    "name", ["ARIA_128_GCM_SHA256", "EXPORT_WITH_DES40_CBC_SHA", "SM4_GCM_SM3", "FALLBACK_SCSV"]
)
def test_what_cannot_be_opened_has_its_name(name: str) -> None:
    """It is told by the name of the registry."""
    codes = [code for code, full in NAMES.items() if full.endswith(name)]

    assert codes
    assert [find_suite(code) for code in codes] == [None] * len(codes)
    assert all(describe_suite(code).endswith(name) for code in codes)


def test_unknown_suite_is_described_by_number() -> None:
    """A code point that nobody has named."""
    assert find_suite(0x1399) is None
    assert describe_suite(0x1399) == "0x1399"
    assert describe_suite(0x1301) == "TLS_AES_128_GCM_SHA256"
