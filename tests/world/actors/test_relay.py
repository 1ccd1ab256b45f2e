"""The relay."""

from __future__ import annotations

import asyncio

import pytest

from harness.world.actors.relay import join, relay
from harness.world.wire.sim import run_simulated
from harness.world.wire.sim_loop import Agenda
from tests.world.memory_stream import connect_memory

LONG_NS = 5_000_000_000
SHORT_NS = 50_000_000


@pytest.mark.asyncio
async def test_bytes_go_both_ways_and_ends_are_handed_on() -> None:
    """After one side's end the other may still talk."""
    client, here = connect_memory()
    there, server = connect_memory()
    joined = asyncio.create_task(join(here, there, idle_ns=LONG_NS))

    await client.write(b"question")
    await client.write_eof()
    asked = [await server.read(), await server.read()]
    await server.write(b"answer")
    await server.close()
    answered = [await client.read(), await client.read()]
    await client.close()
    await joined

    assert asked == [b"question", b""]
    assert answered == [b"answer", b""]
    assert not here.is_aborted
    assert not there.is_aborted


@pytest.mark.asyncio
async def test_a_reset_is_handed_on() -> None:
    """Where one connection breaks, the other one does."""
    client, here = connect_memory()
    there, server = connect_memory()
    joined = asyncio.create_task(join(here, there, idle_ns=LONG_NS))

    client.abort()
    await joined

    with pytest.raises(ConnectionResetError):
        await server.read()


@pytest.mark.asyncio
async def test_silence_ends_a_relay() -> None:
    """Half-open connections do not stay (V26)."""
    client, here = connect_memory()
    there, server = connect_memory()

    with pytest.raises(TimeoutError):
        await relay(here, there, idle_ns=SHORT_NS)
    assert not client.is_aborted
    assert not server.is_aborted


def test_one_direction_keeps_the_other_alive() -> None:
    """Only silence of both counts as idle; in virtual time, which no busy machine holds up."""

    async def play(agenda: Agenda) -> tuple[bool, int]:
        client, here = connect_memory()
        there, server = connect_memory()
        joined = asyncio.create_task(relay(here, there, idle_ns=SHORT_NS))
        for _ in range(8):
            await client.write(b"x")
            assert await server.read() == b"x"
            await asyncio.sleep(SHORT_NS / 4e9)
        was_alive = not joined.done()
        with pytest.raises(TimeoutError):
            await joined
        return was_alive, agenda.now_ns

    was_alive, ended_ns = run_simulated(play)

    assert was_alive
    assert ended_ns == 7 * SHORT_NS // 4 + SHORT_NS
