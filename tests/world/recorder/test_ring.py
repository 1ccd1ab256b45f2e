"""Capture rings: what the kernel could not store is counted."""

from __future__ import annotations

import socket
import struct

import pytest

from harness.world.recorder.recording import Frame
from harness.world.recorder.ring import BLOCK_BYTES, Ring, count_frames, parse_block
from harness.world.wire.kernel import KernelWire
from harness.world.wire.namespace import Mode
from harness.world.wire.tap import TapPoint
from tests.world.private_world import NOBODY, Live, site_plan

SENT = 1000
PAYLOAD = 1400


def _packet(seconds: int, nanoseconds: int, data: bytes, size: int) -> bytes:
    header = struct.pack("=6IHH", 48 + 64, seconds, nanoseconds, len(data), size, 0, 48, 62)
    return (header.ljust(48, b"\0") + data).ljust(112, b"\0")


def test_a_block_is_read_in_order() -> None:
    """Time, true size and bytes of each frame; a frame cut short keeps its size."""
    block = struct.pack("=6I", 0, 0, 1, 2, 48, 272).ljust(48, b"\0")
    block += _packet(1, 2, b"first", 5) + _packet(1, 3, b"cut", 1500)

    assert count_frames(block) == 2
    assert list(parse_block(block, 4)) == [
        Frame(4, 1_000_000_002, 5, b"first"),
        Frame(4, 1_000_000_003, 1500, b"cut"),
    ]


def _flood(wire: KernelWire) -> None:
    """As fast as possible, and nobody reads meanwhile."""
    phones = wire.host("phones")
    with phones._machine.namespace.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        for _ in range(SENT):
            sender.sendto(bytes(PAYLOAD), (str(NOBODY), 9))


async def _overflow(_: Mode) -> tuple[int, int, int, int]:
    wire = await KernelWire.build(site_plan())
    outside = next(tap for tap in wire.taps if tap.name == "outside")
    ring = Ring(outside, size_bytes=2 * BLOCK_BYTES)
    _flood(wire)
    written = 0
    while (block := ring.take_block()) is not None:
        written += sum(1 for _ in parse_block(block, 0))
    ring.count()
    ring.count()
    counted = ring.received, ring.dropped, ring.freezes, written
    ring.close()
    await wire.close()
    return counted


def test_drops_are_counted(live: Live) -> None:
    """A ring that is too small loses frames, and every one is in the counters, read any number of times."""
    received, dropped, freezes, written = live(_overflow)

    assert received == SENT
    assert dropped == SENT - written
    assert 0 < written < SENT
    assert freezes >= 1


def _open_nowhere(_: Mode) -> None:
    from harness.world.wire.namespace import Namespace

    tap = TapPoint(name="dmz", namespace=Namespace.current(), interface="dmz", loopback=False)
    Ring(tap, size_bytes=BLOCK_BYTES)


def test_a_missing_interface_is_an_error(live: Live) -> None:
    """No interface of that name: OSError."""
    with pytest.raises(OSError, match=r"no interface with this name|No such device"):
        live(_open_nowhere)
