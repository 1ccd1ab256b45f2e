"""Tap names: what an interface of a capture file is called, `dmz`, or `dmz (simulated)` where no kernel was in it.

Everybody who opens the file sees the mark; the judge asks for taps by their plain names. Files from before the mark
have plain names throughout.
"""

from __future__ import annotations

_SIMULATED = " (simulated)"


def build_interface_name(tap: str, *, is_simulated: bool) -> str:
    """How a tap is called in a file."""
    return tap + _SIMULATED if is_simulated else tap


def read_tap_name(interface: str) -> str:
    """The tap of an interface; a name without the mark is the tap's."""
    return interface.removesuffix(_SIMULATED)
