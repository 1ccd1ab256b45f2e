"""The simulated wire: the contract of wires, and the kernel's own behaviour segment by segment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.world.entropy import Entropy
from harness.world.recorder.recorder import Recorder
from harness.world.recorder.recording import Recording
from harness.world.wire.kernel import KernelWire
from harness.world.wire.namespace import Mode
from harness.world.wire.sim import SimWire, run_simulated
from harness.world.wire.sim_loop import Agenda
from tests.world.private_world import (
    Live,
    finish,
    segments,
    site_plan,
)
from tests.world.wire.contract import CASES, CONVERSATIONS, contract_plan


def simulate(case: Any, *, plan: Any = None) -> Recording:
    """Run a coroutine function on a simulated wire; what its taps saw."""

    async def play(agenda: Agenda) -> Recording:
        wire = SimWire(plan or contract_plan(), agenda, Entropy(b"test"))
        await case(wire)
        await wire.settle()
        recording = await wire.finish()
        await wire.close()
        return recording

    return run_simulated(play)


async def _case_on_kernel(_: Mode, name: str) -> None:
    wire = await KernelWire.build(contract_plan())
    try:
        await CASES[name](wire)
    finally:
        await wire.close()


async def _talk_on_kernel(_: Mode, name: str) -> tuple[tuple[bool, int, int], ...]:
    wire = await KernelWire.build(site_plan())
    recorder = Recorder(wire.taps)
    recorder.start()
    await CONVERSATIONS[name](wire)
    await asyncio.sleep(0.1)
    recording = await finish(recorder)
    await wire.close()
    return shape(recording)


def shape(recording: Recording) -> tuple[tuple[bool, int, int], ...]:
    """From the server or not, flags and payload of each segment, in order."""
    return tuple((s.src.port == 443, s.flags, len(s.payload)) for s in segments(recording))


@pytest.mark.parametrize("name", CASES)
def test_the_contract_holds_simulated(name: str) -> None:
    """What any wire must do."""
    simulate(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_the_contract_holds_in_the_kernel(live: Live, name: str) -> None:
    """The same cases on the kernel wire: they ask for nothing that real machines do not do."""
    live(_case_on_kernel, name)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_segments_are_those_of_the_kernel(live: Live, name: str) -> None:
    """Flags, sizes and order of a conversation's segments are what Linux sends."""
    assert shape(simulate(CONVERSATIONS[name], plan=site_plan())) == live(_talk_on_kernel, name)
