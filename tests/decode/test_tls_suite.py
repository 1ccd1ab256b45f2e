"""Tests of harness/decode/tls_suite.py."""

from __future__ import annotations

import importlib
import warnings

import pytest

from harness.decode.tls_suite import NAMES, describe_suite, find_suite

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


def test_code_points_agree_with_another_table() -> None:
    """Every code point that tlslite-ng knows too has the same name there (it writes ANON)."""
    with warnings.catch_warnings():
        # tlslite-ng imports asyncore, which Python 3.11 calls deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        names = importlib.import_module("tlslite.constants").CipherSuite.ietfNames
    theirs = {code: name.replace("_ANON_", "_anon_") for code, name in names.items()}
    common = NAMES.keys() & theirs.keys()

    assert len(common) > 100
    assert {code: NAMES[code] for code in common} == {code: theirs[code] for code in common}


def test_every_row_has_parameters() -> None:
    """No name in the table is one that cannot be used."""
    suites = [find_suite(code) for code in NAMES]

    assert {suite.cipher for suite in suites if suite} == {
        "AES",
        "CAMELLIA",
        "3DES_EDE",
        "RC4",
        "CHACHA20_POLY1305",
        "NULL",
    }


def test_unknown_suite_is_described_by_number() -> None:
    """ARIA cannot be opened, and says which one it is."""
    assert find_suite(0xC060) is None
    assert describe_suite(0xC060) == "0xc060"
    assert describe_suite(0x1301) == "TLS_AES_128_GCM_SHA256"
