"""Ledger: what proves that a capture is complete. Two sentinel frames for each tap, and the kernel's counters.

A sentinel is a broadcast frame of the Ethernet type for local experiments (IEEE 802, 0x88B5), 60 bytes or more:

    ff:ff:ff:ff:ff:ff | 02:00:00:00:88:b5 | 88 b5 | certproxy-harness sentinel/1 LF KIND LF TAP LF RUN LF | zeros

It is sent through the tap itself, so a file that holds it held the tap open at that moment.
"""

from __future__ import annotations

import re
from typing import Literal

SentinelKind = Literal["start", "stop"]

ETHER_TYPE = 0x88B5
_HEAD = b"\xff\xff\xff\xff\xff\xff" + b"\x02\x00\x00\x00\x88\xb5" + ETHER_TYPE.to_bytes(2, "big")
_MAGIC = b"certproxy-harness sentinel/1\n"
_MIN_FRAME_SIZE = 60
"""Bytes of an Ethernet frame without its check sequence."""
_FREEZES = re.compile(r"freezes (0|[1-9][0-9]{0,18})")


def build_sentinel(kind: SentinelKind, tap: str, run_id: str) -> bytes:
    """A complete Ethernet frame for one tap.

    Raises:
        ValueError: the tap or the run id is empty or has a line break.
    """
    for what, text in (("tap", tap), ("run id", run_id)):
        if not text or "\n" in text or "\0" in text:
            raise ValueError(f"sentinel {what}: got {text!r}; expected one line of text")
    frame = _HEAD + _MAGIC + f"{kind}\n{tap}\n{run_id}\n".encode()
    return frame.ljust(_MIN_FRAME_SIZE, b"\0")


def parse_sentinel(frame: bytes) -> tuple[SentinelKind, str] | None:
    """Kind and tap, or None for any other frame."""
    if frame[12:14] != _HEAD[12:14] or not frame.startswith(_MAGIC, 14):
        return None
    fields = frame[14 + len(_MAGIC) :].split(b"\n", 3)
    if len(fields) != 4:
        return None
    try:
        tap = fields[1].decode()
    except UnicodeDecodeError:
        return None
    if fields[0] == b"start":
        return "start", tap
    if fields[0] == b"stop":
        return "stop", tap
    return None


def build_freezes(count: int) -> str:
    """The comment of an interface statistics block: how often the ring was full and frozen."""
    return f"freezes {count}"


def find_freezes(comments: tuple[str, ...]) -> int | None:
    """The count of `build_freezes`; None: no comment says it."""
    for comment in comments:
        match = _FREEZES.fullmatch(comment)
        if match is not None:
            return int(match[1])
    return None
