"""Hosts of the simulated wire: clocks that may be wrong, and names that may change."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.world.entropy import Entropy
from harness.world.host import Program, ProgramError
from harness.world.wire.sim import START_NS, SimWire, run_simulated
from harness.world.wire.sim_loop import Agenda
from tests.world.private_world import SECOND, VIP, site_plan


def test_clocks_show_virtual_time_and_their_own_error() -> None:
    """A skewed clock runs as fast as the others."""

    async def play(agenda: Agenda) -> None:
        wire = SimWire(site_plan(), agenda, Entropy(b"1"))
        wire.set_skew("node2", -90 * SECOND)
        right, wrong = wire.host("node1").clock, wire.host("node2").clock
        assert right.now_ns() == START_NS
        await right.sleep(3600 * SECOND)
        assert right.now_ns() == START_NS + 3600 * SECOND
        assert right.now_ns() - wrong.now_ns() == 90 * SECOND

    run_simulated(play)


def test_names_change_in_the_middle_of_a_run() -> None:
    """For every host at once."""

    async def play(agenda: Agenda) -> None:
        wire = SimWire(site_plan(), agenda, Entropy(b"1"))
        host = wire.host("node1")
        assert host.resolve("access.example.com") == (VIP,)
        wire.set_name("Access.example.com", ip_address("10.20.0.11"))
        assert host.resolve("access.example.com") == (ip_address("10.20.0.11"),)
        wire.set_name("access.example.com")
        assert host.resolve("access.example.com") == ()

    run_simulated(play)


def test_entropy_is_each_hosts_own() -> None:
    """What one host takes changes nothing for another."""

    async def take(agenda: Agenda, size: int) -> bytes:
        wire = SimWire(site_plan(), agenda, Entropy(b"1"))
        wire.host("node1").entropy(size)
        return wire.host("node2").entropy(16)

    one, two = (run_simulated(lambda agenda, n=n: take(agenda, n)) for n in (1, 999))
    assert one == two


def test_there_are_no_programs_of_others() -> None:
    """Virtual time is not theirs."""

    async def play(agenda: Agenda) -> None:
        wire = SimWire(site_plan(), agenda, Entropy(b"1"))
        program = Program(command=("/usr/sbin/haproxy",), files={}, listens=())
        with pytest.raises(ProgramError, match="vip: no /usr/sbin/haproxy on a simulated machine"):
            await wire.host("vip").launch(program, timeout_ns=SECOND)

    run_simulated(play)
