"""Tests of the names of taps."""

from __future__ import annotations

from harness.capture.block import Interface
from harness.decode.packet.tap_names import TapNames


def find(*interfaces: tuple[int, str, int]) -> list[str]:
    """Section, name and link type of each interface of a file."""
    names = TapNames()
    return [
        names.find(Interface(index=index, section=section, name=name, link_type=link))
        for index, (section, name, link) in enumerate(interfaces)
    ]


def test_interfaces_of_one_section_are_told_apart() -> None:
    """By their names, or by number."""
    got = find((0, "eth0", 1), (0, "eth0", 1), (0, "", 1), (0, "", 1))

    assert got == ["eth0", "eth0 (1)", "interface 2", "interface 3"]


def test_interfaces_of_the_next_section_are_the_same() -> None:
    """Files put one behind the other go on with the same taps."""
    one = ((0, "eth0", 1), (0, "", 1))

    got = find(*one, *((section, name, link) for section in (1, 2) for _, name, link in one))

    assert got == ["eth0", "interface 1"] * 3


def test_another_interface_in_the_same_place_is_another_tap() -> None:
    """Another name, or another link type."""
    got = find((0, "eth0", 1), (1, "eth1", 1), (2, "eth0", 101), (3, "eth0", 1))

    assert got == ["eth0", "eth1", "eth0 (2)", "eth0"]
