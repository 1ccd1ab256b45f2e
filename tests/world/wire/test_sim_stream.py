"""Streams of the simulated wire where they end badly; what they do well is in contract.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from harness.net.address import Endpoint
from harness.world.entropy import Entropy
from harness.world.host import Stream
from harness.world.wire.sim import SimWire, run_simulated
from harness.world.wire.sim_loop import Agenda
from tests.world.private_world import RST, SECOND, VIP, Segment, segments, site_plan


def _play(
    serve: Callable[[Stream], Awaitable[None]], call: Callable[[Stream], Awaitable[None]]
) -> tuple[Segment, ...]:
    async def play(agenda: Agenda) -> tuple[Segment, ...]:
        wire = SimWire(site_plan(), agenda, Entropy(b"1"))
        await wire.host("vip").listen(443, serve)
        await call(await wire.host("phones").connect(Endpoint(VIP, 443), timeout_ns=SECOND))
        await wire.settle()
        found = segments(await wire.finish())
        await wire.close()
        return found

    return run_simulated(play)


async def _hold(_: Stream) -> None:
    await asyncio.sleep(3600)


def test_closing_waits_a_second_for_a_peer_that_does_not_end() -> None:
    """Then it lets go, without RST, and the stream is unusable."""

    async def call(stream: Stream) -> None:
        before = asyncio.get_running_loop().time()
        await stream.close()
        assert asyncio.get_running_loop().time() - before == pytest.approx(1)
        with pytest.raises(ConnectionResetError, match="closed at this end"):
            await stream.write(b"more")
        with pytest.raises(ConnectionResetError, match="closed at this end"):
            await stream.read()
        await stream.close()

    assert not any(s.flags & RST for s in _play(_hold, call))


def test_an_abort_wakes_whoever_waits() -> None:
    """A reader and a writer that is held by a full window."""

    async def call(stream: Stream) -> None:
        reading = asyncio.ensure_future(stream.read())
        writing = asyncio.ensure_future(stream.write(bytes(1 << 20)))
        await asyncio.sleep(1)
        assert not reading.done()
        assert not writing.done()
        stream.abort()
        for task in (reading, writing):
            with pytest.raises(ConnectionError):
                await task

    assert _play(_hold, call)[-1].flags & RST


def test_a_cancelled_read_loses_nothing() -> None:
    """The next one gets the bytes."""

    async def serve(stream: Stream) -> None:
        await asyncio.sleep(1)
        await stream.write(b"late")

    async def call(stream: Stream) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await stream.read()
        assert await stream.read(2) + await stream.read() == b"late"
        await stream.close()

    _play(serve, call)
