"""Bound: one check under a limit of processor time, and now and then of memory.

Processor time and not wall time: the machine may be busy. Each byte of the material pays for its own work.
"""

from __future__ import annotations

import signal
import tracemalloc
from collections.abc import Callable
from types import FrameType

PER_BYTE_S = 200e-6
BASE_BYTES = 64 << 20
"""Memory that any input may take: the decoder looks at 16 MiB together, twice, and imports numpy for it."""
PER_BYTE_BYTES = 2048
"""Objects for each byte of a material: 20-byte records become packets, segments, spans."""


class TooSlow(BaseException):
    """The limit of time is over; no handler of the code under test may swallow it."""


class TooBig(Exception):
    """The limit of memory was passed."""


def _stop(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise TooSlow("more processor time than the size of the input explains")


def run_bounded(
    check: Callable[[bytes], None],
    material: bytes,
    *,
    patience_s: float,
    with_memory: bool = False,
) -> None:
    """Check one material.

    Raises:
        TooSlow: it takes more than `patience_s` and PER_BYTE_S for each byte.
        TooBig: it takes more memory than BASE_BYTES and PER_BYTE_BYTES for each byte.
        Exception: whatever the check raises.
    """
    factor = 6.0 if with_memory else 1.0  # tracing costs time itself
    limit_s = factor * (patience_s + PER_BYTE_S * len(material))
    before = signal.signal(signal.SIGPROF, _stop)
    if with_memory:
        tracemalloc.start()
    try:
        signal.setitimer(signal.ITIMER_PROF, limit_s)
        try:
            check(material)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if with_memory:
            peak = tracemalloc.get_traced_memory()[1]
            limit = BASE_BYTES + PER_BYTE_BYTES * len(material)
            if peak > limit:
                raise TooBig(f"{peak} bytes of memory for {len(material)} bytes; at most {limit}")
    finally:
        if with_memory:
            tracemalloc.stop()
        signal.signal(signal.SIGPROF, before)
