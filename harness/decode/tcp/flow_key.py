"""Key: what two packets of one connection have in common: the tap with its tunnels, and both ends."""

from __future__ import annotations

from harness.decode.packet.frame import Segment

Key = tuple[str, bytes]
"""Tap (with the tunnels) and both ends of a connection as a Segment writes them, the smaller one first."""


def find_key(tap: str, segment: Segment) -> Key:
    """To which connection a segment belongs; what runs in a tunnel is apart from what runs beside it."""
    if segment.carried_in is not None:
        tap = f"{tap} in {segment.carried_in}"
    source, destination = segment.source, segment.destination
    return tap, source + destination if source <= destination else destination + source
