"""The simulated wire: the contract of wires, and the kernel's own behaviour segment by segment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.world.entropy import Entropy
from harness.world.recorder.recorder import Recorder
from harness.world.recorder.recording import Recording
from harness.world.wire.kernel import KernelWire
from harness.world.wire.namespace import Mode, set_sysctl
from harness.world.wire.plan import Plan
from harness.world.wire.sim import SimWire, run_simulated
from harness.world.wire.sim_loop import Agenda
from tests.world.private_world import (
    Live,
    dual_plan,
    finish,
    segments,
    site_plan,
)
from tests.world.wire.contract import (
    CASES,
    CONVERSATIONS,
    DUAL_CASES,
    Case,
    contract_plan,
    talk_ipv6,
    talk_long_answer,
)


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


async def _dual_case_on_kernel(_: Mode, name: str) -> None:
    wire = await KernelWire.build(dual_plan())
    try:
        await DUAL_CASES[name](wire)
    finally:
        await wire.close()


async def _talk_on_kernel(_: Mode, name: str) -> tuple[tuple[bool, int, int], ...]:
    return shape(await _record(site_plan(), CONVERSATIONS[name]))


async def _talk_ipv6_on_kernel(_: Mode) -> tuple[tuple[bool, int, int], ...]:
    recording = await _record(dual_plan(), talk_ipv6)
    # Nothing but what was said: no neighbour discovery, no multicast reports.
    assert len(segments(recording)) == len(recording.frames)
    return shape(recording)


async def _talk_plainly_on_kernel(_: Mode) -> tuple[tuple[bool, int, int], ...]:
    recording = await _record(site_plan(), talk_long_answer, plain=("phones", "vip"))
    return from_server(shape(recording))


async def _record(plan: Plan, talk: Case, *, plain: tuple[str, ...] = ()) -> Recording:
    """What a conversation looks like; `plain` hosts have no timestamps and no selective acknowledgements."""
    wire = await KernelWire.build(plan)
    for name in plain:
        with wire._machines[name].namespace.entered():
            set_sysctl("ipv4/tcp_timestamps", "0")
            set_sysctl("ipv4/tcp_sack", "0")
    recorder = Recorder(wire.taps)
    recorder.start()
    await talk(wire)
    await asyncio.sleep(0.1)
    recording = await finish(recorder)
    await wire.close()
    return recording


def shape(recording: Recording) -> tuple[tuple[bool, int, int], ...]:
    """From the server or not, flags and payload of each segment, in order."""
    return tuple((s.src.port == 443, s.flags, len(s.payload)) for s in segments(recording))


def from_server(
    talk: tuple[tuple[bool, int, int], ...],
) -> tuple[tuple[bool, int, int], ...]:
    """Its segments with data: how often the client acknowledges in between depends on when it reads."""
    return tuple(one for one in talk if one[0] and one[2])


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


@pytest.mark.parametrize("name", DUAL_CASES)
def test_the_contract_holds_simulated_with_ipv6(name: str) -> None:
    """What any wire must do for machines with IPv6, with and without IPv4."""
    simulate(DUAL_CASES[name], plan=dual_plan())


@pytest.mark.parametrize("name", DUAL_CASES)
def test_the_contract_holds_in_the_kernel_with_ipv6(live: Live, name: str) -> None:
    """The same on the kernel wire."""
    live(_dual_case_on_kernel, name)


def test_ipv6_segments_are_those_of_the_kernel(live: Live) -> None:
    """Flags, sizes and order."""
    assert shape(simulate(talk_ipv6, plan=dual_plan())) == live(_talk_ipv6_on_kernel)


def test_a_long_answer_is_cut_as_by_a_kernel_without_timestamps(live: Live) -> None:
    """docs/adr/0009: that is the one difference."""
    simulated = from_server(shape(simulate(talk_long_answer, plan=site_plan())))

    assert simulated == live(_talk_plainly_on_kernel)
    assert [size for _, _, size in simulated] == [1460, 1460, 1460, 1460, 160]
