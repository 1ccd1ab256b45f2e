"""The recorder: nothing is lost, or it says how much."""

from __future__ import annotations

import asyncio
import socket

import pytest

from harness.world.recorder.recorder import Recorder
from harness.world.recorder.recording import Recording
from harness.world.wire.kernel import KernelWire
from harness.world.wire.namespace import Mode
from tests.world.private_world import NOBODY, SECOND, Live, exchange, finish, site_plan

BURST = 20_000
PAYLOAD = bytes(1400)
SENTINEL = b"\xff" * 6 + b"\2\0\0\0\0\1" + b"\x88\xb5"


def _sentinel(word: bytes) -> bytes:
    return (SENTINEL + word).ljust(60, b"\0")


def _flood(wire: KernelWire, count: int) -> None:
    with wire.host("phones")._machine.namespace.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        for _ in range(count):
            sender.sendto(PAYLOAD, (str(NOBODY), 9))


async def _burst(_: Mode) -> tuple[int, int, int, int, bool]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps)
    recorder.start()
    _flood(wire, BURST)
    recording = await finish(recorder)
    await wire.close()
    [outside] = [t for t in recording.taps if t.name == "outside"]
    return (
        outside.received,
        outside.written,
        outside.dropped,
        len(recording.frames),
        recording.limit_reached,
    )


def test_a_burst_is_recorded_whole(live: Live) -> None:
    """Twenty thousand full frames as fast as one thread can send: every one is kept."""
    assert live(_burst) == (BURST, BURST, 0, BURST, False)


async def _limited(_: Mode) -> Recording:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps, limit_bytes=200_000)
    recorder.start()
    _flood(wire, 1000)
    await recorder.drain(2 * SECOND)
    recording = recorder.stop()
    await wire.close()
    return recording


def test_the_limit_is_reported(live: Live) -> None:
    """Beyond the limit frames are counted and not kept: fewer written than received, and it says so."""
    recording = live(_limited)

    [outside] = [t for t in recording.taps if t.name == "outside"]
    assert recording.limit_reached
    assert outside.received == 1000
    assert outside.written == len(recording.frames) < 1000
    assert sum(len(f.data) for f in recording.frames) < 200_000


async def _marked(_: Mode) -> list[tuple[str, bytes]]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps)
    recorder.start()
    for tap in wire.taps:
        recorder.inject(tap, _sentinel(b"start"))
    await exchange(wire, "phones", "vip")
    await exchange(wire, "node1", "node1")
    for tap in wire.taps:
        recorder.inject(tap.name, _sentinel(b"stop"))
    recording = await finish(recorder)
    with pytest.raises(KeyError):
        recorder.inject("moon", _sentinel(b"stop"))
    await wire.close()
    return [(recording.taps[f.tap].name, f.data[12:19]) for f in recording.frames]


def test_sentinels_stand_first_and_last(live: Live) -> None:
    """A frame sent into a tap is recorded there once, before and after everything else."""
    seen = live(_marked)

    for tap in ("inside", "dmz", "outside", "node1.lo"):
        marks = [data[2:] for name, data in seen if name == tap]
        assert (marks[0], marks[-1]) == (b"start", b"stop\0")
        assert len([m for m in marks if m in (b"start", b"stop\0")]) == 2


async def _impatient(_: Mode) -> tuple[bool, bool]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps, retire_ms=1000)
    recorder.start()
    recorder.inject("dmz", _sentinel(b"start"))
    at_once = await recorder.drain(0)
    later = await recorder.drain(10 * SECOND)
    recorder.stop()
    await wire.close()
    return at_once, later


def test_draining_has_a_time_out(live: Live) -> None:
    """A frame still in the ring is not drained yet, and says so; given time it is."""
    assert live(_impatient) == (False, True)


async def _undrained(_: Mode) -> tuple[int, int]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps, retire_ms=1000)
    recorder.start()
    recorder.inject("dmz", _sentinel(b"start"))
    recording = recorder.stop()
    await wire.close()
    [dmz] = [t for t in recording.taps if t.name == "dmz"]
    return dmz.received, dmz.written


def test_stopping_too_early_shows(live: Live) -> None:
    """Without draining, the frame is counted as received and not as written."""
    assert live(_undrained) == (1, 0)


async def _times(_: Mode) -> tuple[list[int], int, int]:
    wire = await KernelWire.build(site_plan())
    clock = wire.host("vip").clock
    recorder = Recorder(wire.taps)
    recorder.start()
    before = clock.now_ns()
    await asyncio.gather(
        exchange(wire, "phones", "vip"),
        exchange(wire, "vip", "node1"),
        exchange(wire, "node1", "node2"),
        exchange(wire, "node1", "node1", 444),
    )
    after = clock.now_ns()
    recording = await finish(recorder)
    await wire.close()
    return [f.time_ns for f in recording.frames], before, after


def test_frames_of_all_taps_are_in_order_of_time(live: Live) -> None:
    """Four taps at once come out as one sequence, on the hosts' own clock."""
    times, before, after = live(_times)

    assert len(times) >= 40
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= after + SECOND


async def _start_on_a_broken_tap(_: Mode) -> str:
    wire = await KernelWire.build(site_plan())
    await wire.close()
    recorder = Recorder(wire.taps)
    with pytest.raises(OSError, match="Bad file descriptor") as refused:
        recorder.start()
    return type(refused.value).__name__


def test_a_tap_that_cannot_be_opened_is_an_error(live: Live) -> None:
    """A recorder that cannot record does not start."""
    assert live(_start_on_a_broken_tap) == "OSError"
