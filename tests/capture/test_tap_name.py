"""Tap names in files."""

from __future__ import annotations

import pytest

from harness.capture.tap_name import build_interface_name, read_tap_name


@pytest.mark.parametrize(
    ("is_simulated", "written"), [(False, "node1.lo"), (True, "node1.lo (simulated)")]
)
def test_a_tap_is_found_again(is_simulated: bool, written: str) -> None:
    """Marked or not."""
    assert build_interface_name("node1.lo", is_simulated=is_simulated) == written
    assert read_tap_name(written) == "node1.lo"


@pytest.mark.parametrize("name", ["eth0", "", "simulated", "(simulated)", "dmz (simulated) 2"])
def test_other_names_stay(name: str) -> None:
    """Only the whole mark at the end is one."""
    assert read_tap_name(name) == name
