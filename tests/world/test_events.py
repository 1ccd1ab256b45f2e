"""Events: what they do to a wire, and what a wire says that cannot."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.scenario.event import ClockChange, LinkChange, NameChange, Until, Wait
from harness.world.entropy import Entropy
from harness.world.events import Events
from harness.world.job import WorldError
from harness.world.wire.sim import SimWire, run_simulated
from harness.world.wire.sim_loop import Agenda
from tests.world.memory_wire import MemoryWire
from tests.world.private_world import SECOND, site_plan


def test_events_bend_the_wire() -> None:
    """Each at its time; a link is good again when nothing is given."""

    async def play(agenda: Agenda) -> None:
        wire = SimWire(site_plan(), agenda, Entropy(b"1"))
        events = Events(wire, site_plan())
        await events.play(Wait(wait="90s"))
        assert agenda.now_ns == 90 * SECOND
        await events.play(Until(at="2m"))
        await events.play(Until(at="1m"))
        assert agenda.now_ns == 120 * SECOND
        await events.play(LinkChange(link="node1", loss_percent=5, delay_ms=7, mtu=600))
        for segment in ("dmz", "inside"):
            settings = wire.link("node1", segment).settings
            assert (settings.loss, settings.extra_ns, settings.mtu) == (0.05, 7_000_000, 600)
        await events.play(LinkChange(link="node1", segment="dmz"))
        assert wire.link("node1", "dmz").settings.is_plain
        assert not wire.link("node1", "inside").settings.is_plain
        await events.play(NameChange(look_up="new.example.com", gives=(ip_address("10.0.0.9"),)))
        assert wire.host("node2").resolve("new.example.com") == (ip_address("10.0.0.9"),)
        await events.play(ClockChange(clock="node2", ahead="-90s"))
        clocks = [wire.host(name).clock.now_ns() for name in ("node1", "node2")]
        assert clocks[0] - clocks[1] == 90 * SECOND

    run_simulated(play)


@pytest.mark.asyncio
async def test_another_wire_says_that_it_cannot() -> None:
    """Time passes everywhere, though."""
    events = Events(MemoryWire(), site_plan())
    await events.play(Wait(wait="1ms"))

    with pytest.raises(WorldError, match="on the simulated wire only; use --wire sim"):
        await events.play(LinkChange(link="node1", cut=True))
