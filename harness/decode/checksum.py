"""Checksum: whether the checksum of a TCP segment is right, so that of two copies the undamaged one can be believed."""

from __future__ import annotations

from typing import Literal

Checksum = Literal["right", "wrong", "unknown"]
"""`unknown`: cut by the capture, or taken before the hardware filled the checksum in."""

_FIELD = 16
"""Where the checksum stands in the TCP header (RFC 9293 section 3.1)."""
_TCP = 6
_ONES = 0xFFFF


def judge_checksum(src: bytes, dst: bytes, segment: bytes) -> Checksum:
    """Judge the checksum of a whole TCP segment between two IP addresses (RFC 9293 section 3.1).

    What systems leave to the hardware is no damage: they write nothing, or the sum of the pseudo-header, with the
    length or without it.
    """
    # RFC 1071: a sum with end-around carry is the remainder by 0xFFFF of the bytes as one number.
    addresses = int.from_bytes(src + dst)
    data = int.from_bytes(segment) << (8 if len(segment) & 1 else 0)
    pseudo = addresses + _TCP + len(segment)
    if (pseudo + data) % _ONES == 0:
        return "right"
    field = int.from_bytes(segment[_FIELD : _FIELD + 2])
    if field == 0 or field % _ONES in (pseudo % _ONES, (addresses + _TCP) % _ONES):
        return "unknown"
    return "wrong"
