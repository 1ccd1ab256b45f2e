"""The sniffer: scapy's thread over rings."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from harness.world.recorder.ring import Ring, parse_block
from harness.world.recorder.sniffer import Sniffer
from harness.world.wire.kernel import KernelWire
from harness.world.wire.namespace import Mode
from tests.world.private_world import SECOND, Live, exchange, site_plan

SMALLEST_EXCHANGE = 8
"""Frames: three to connect, two with data, three to end."""


async def _sniff(_: Mode) -> tuple[set[str], int, int, bool]:
    wire = await KernelWire.build(site_plan())
    rings = tuple(Ring(tap, size_bytes=1 << 20) for tap in wire.taps)
    frames = 0
    threads: set[str] = set()

    def take(tap: int, block: bytes) -> None:
        nonlocal frames
        threads.add(threading.current_thread().name)
        frames += sum(1 for _ in parse_block(block, tap))

    sniffer = Sniffer(rings, take)
    sniffer.start()
    # The loop's thread steps into namespaces here, while the sniffer's stays where it is.
    await exchange(wire, "phones", "vip")
    deadline = time.monotonic() + 60
    while frames < SMALLEST_EXCHANGE and time.monotonic() < deadline:
        await asyncio.sleep(0.001)
    before = time.monotonic()
    sniffer.stop()
    quick = time.monotonic() - before < 30
    names = {t.name for t in threading.enumerate()}
    for ring in rings:
        ring.count()
        ring.close()
    await wire.close()
    return (
        threads,
        frames,
        sum(r.dropped for r in rings),
        quick and names == {"MainThread", "parent"},
    )


def test_blocks_come_from_scapys_thread(live: Live) -> None:
    """Frames are taken in scapy's own thread, which starts before the traffic and ends when told."""
    threads, frames, dropped, ended = live(_sniff)

    assert threads == {"AsyncSniffer"}
    assert frames >= SMALLEST_EXCHANGE
    assert (dropped, ended) == (0, True)


async def _stop_at_once(_: Mode) -> float:
    wire = await KernelWire.build(site_plan())
    ring = Ring(wire.taps[0], size_bytes=1 << 20)
    sniffer = Sniffer((ring,), lambda *_: None)
    before = time.monotonic_ns()
    sniffer.start()
    sniffer.stop()
    took = time.monotonic_ns() - before
    ring.close()
    await wire.close()
    return took


def test_a_sniffer_can_be_stopped_at_once(live: Live) -> None:
    """Stopping right after starting ends the thread: no race with its first steps."""
    assert live(_stop_at_once) < 2 * SECOND


def test_nothing_is_looked_for_or_left_at_home(tmp_path: Path) -> None:
    """A home folder that may not be entered, or that another user has used, does not matter; others find theirs."""
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    command = [
        sys.executable,
        "-c",
        "import os; before = dict(os.environ); import harness.world.recorder.sniffer; "
        "assert dict(os.environ) == before",
    ]

    for more in ({"HOME": str(tmp_path)}, {"HOME": "/none", "XDG_CACHE_HOME": str(tmp_path)}):
        subprocess.run(command, env=environment | more, timeout=60, check=True)

    assert sorted(tmp_path.rglob("*")) == []
