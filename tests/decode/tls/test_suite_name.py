"""Tests of harness/decode/tls/suite_name.py."""

from __future__ import annotations

import importlib
import warnings

from harness.decode.tls.suite_name import NAMES


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


def test_code_points_are_in_order_and_names_unique() -> None:
    """A row in the wrong place would be a slip."""
    assert list(NAMES) == sorted(NAMES)
    assert len(set(NAMES.values())) == len(NAMES)
