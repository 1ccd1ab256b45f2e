"""The loop in virtual time: nothing waits, and the order is always the same."""

from __future__ import annotations

import asyncio
import time

import pytest

from harness.world.wire.sim_loop import Agenda, SimLoop, StandstillError


def test_years_pass_at_once() -> None:
    """Sleeps and time-outs last as long as they say, by the loop's clock alone."""
    agenda = Agenda()
    loop = SimLoop(agenda)

    async def play() -> list[str]:
        told: list[str] = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        told.append(f"{loop.time():.0f}")
        await asyncio.gather(*(_note(told, seconds) for seconds in (3, 1, 2)))
        await asyncio.sleep(400 * 86400)
        return told

    before = time.monotonic()
    told = loop.run_until_complete(play())
    loop.close()

    assert told == ["3600", "1", "2", "3"]
    assert agenda.now_ns == (3600 + 3 + 400 * 86400) * 1_000_000_000
    assert time.monotonic() - before < 60


async def _note(told: list[str], seconds: int) -> None:
    await asyncio.sleep(seconds)
    told.append(str(seconds))


def test_events_of_one_instant_keep_their_order() -> None:
    """And an event called off does not happen."""
    agenda = Agenda()
    told: list[int] = []
    for number in range(50):
        appointment = agenda.put(1000 if number % 2 else 500, told.append, number)
        if number % 10 == 0:
            appointment.cancel()

    agenda.advance(None)
    first = list(told)
    agenda.advance(None)

    assert first == [n for n in range(0, 50, 2) if n % 10]
    assert told[len(first) :] == list(range(1, 50, 2))


def test_events_and_timers_take_turns() -> None:
    """Time goes to whichever comes first, never past it."""
    agenda = Agenda()
    loop = SimLoop(agenda)
    told: list[tuple[str, int]] = []

    async def play() -> None:
        agenda.put(2_000_000_001, lambda: told.append(("event", agenda.now_ns)))
        agenda.put(1_500_000_000, lambda: told.append(("event", agenda.now_ns)))
        for _ in range(3):
            await asyncio.sleep(1)
            told.append(("timer", agenda.now_ns))

    loop.run_until_complete(play())
    loop.close()

    assert told == [
        ("timer", 1_000_000_000),
        ("event", 1_500_000_000),
        ("timer", 2_000_000_000),
        ("event", 2_000_000_001),
        ("timer", 3_000_000_000),
    ]


def test_a_standstill_is_an_error() -> None:
    """A run that could never end says so instead of hanging."""
    loop = SimLoop(Agenda())

    async def play() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StandstillError, match="the run has not ended"):
        loop.run_until_complete(play())
    for task in asyncio.all_tasks(loop):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
    loop.close()


class CountingLoop(SimLoop):
    """A loop that counts its rounds."""

    rounds = 0

    def _process_events(self, found: object) -> None:
        self.rounds += 1


def test_what_concerns_the_wire_alone_takes_no_rounds() -> None:
    """The loop goes round when a task was woken or a timer was set, and for nothing else."""
    agenda = Agenda()
    loop = CountingLoop(agenda)
    told: list[str] = []

    async def play() -> None:
        woken = loop.create_future()
        for number in range(1000):
            agenda.put(number + 1, told.append, "packet")
        agenda.put(500, loop.call_later, 100e-9, told.append, "timer")
        agenda.put(2000, woken.set_result, None)
        await woken
        told.append(f"woken at {agenda.now_ns}")

    loop.run_until_complete(play())
    loop.close()

    assert told == ["packet"] * 600 + ["timer"] + ["packet"] * 400 + ["woken at 2000"]
    assert loop.rounds < 12
