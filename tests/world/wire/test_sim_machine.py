"""Machines: ports, TIME_WAIT, and what they answer to packets of no connection."""

from __future__ import annotations

import errno
from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.world.entropy import Entropy
from harness.world.wire.plan import Forwarding, Plan
from harness.world.wire.sim import SimWire, run_simulated
from harness.world.wire.sim_loop import Agenda
from harness.world.wire.sim_machine import PORT_RANGE
from tests.world.private_world import ACK, NODE1, NODE2, RST, SECOND, SYN, echo, host, segments

SERVER = Endpoint(NODE2, 443)


def _plan(ports: tuple[int, int] | None = (40000, 40002)) -> Plan:
    return Plan(
        hosts=(host("node1", ("dmz", NODE1), port_range=ports), host("node2", ("dmz", NODE2)))
    )


def test_every_port_of_the_range_is_used() -> None:
    """And none twice towards the same server; another server has its own."""

    async def play(agenda: Agenda) -> None:
        wire = SimWire(_plan(), agenda, Entropy(b"1"))
        await wire.host("node2").listen(443, echo)
        await wire.host("node2").listen(444, echo)
        one = wire.host("node1")
        streams = [await one.connect(SERVER, timeout_ns=SECOND) for _ in range(3)]
        assert {s.local.port for s in streams} == {40000, 40001, 40002}
        with pytest.raises(OSError, match="no free port") as refused:
            await one.connect(SERVER, timeout_ns=SECOND)
        assert refused.value.errno == errno.EADDRNOTAVAIL
        await one.connect(Endpoint(NODE2, 444), timeout_ns=SECOND)
        await wire.close()

    run_simulated(play)


def test_a_port_rests_for_a_minute() -> None:
    """Whoever ended first keeps the pair in TIME_WAIT (RFC 9293 section 3.6.1)."""

    async def play(agenda: Agenda) -> None:
        wire = SimWire(_plan((40000, 40000)), agenda, Entropy(b"1"))
        await wire.host("node2").listen(443, echo)
        one = wire.host("node1")
        await (await one.connect(SERVER, timeout_ns=SECOND)).close()
        await one.clock.sleep(59 * SECOND)
        with pytest.raises(OSError, match="no free port"):
            await one.connect(SERVER, timeout_ns=SECOND)
        await one.clock.sleep(2 * SECOND)
        again = await one.connect(SERVER, timeout_ns=SECOND)
        assert again.local.port == 40000
        await wire.close()

    run_simulated(play)


def test_ports_differ_between_machines_and_seeds() -> None:
    """Somewhere at the beginning of Linux' range."""

    async def first(agenda: Agenda, seed: bytes) -> tuple[int, int]:
        wire = SimWire(_plan(None), agenda, Entropy(seed))
        for name in ("node1", "node2"):
            await wire.host(name).listen(443, echo)
        one = await wire.host("node1").connect(SERVER, timeout_ns=SECOND)
        two = await wire.host("node2").connect(Endpoint(NODE1, 443), timeout_ns=SECOND)
        await wire.close()
        return one.local.port, two.local.port

    found = [run_simulated(lambda agenda, s=seed: first(agenda, s)) for seed in (b"1", b"1", b"2")]

    assert found[0] == found[1] != found[2]
    assert found[0][0] != found[0][1]
    assert all(PORT_RANGE[0] <= port <= PORT_RANGE[1] for pair in found for port in pair)


def test_a_late_segment_of_a_forgotten_connection_is_reset() -> None:
    """As to a closed port (RFC 9293 section 3.10.7.1)."""

    async def play(agenda: Agenda) -> None:
        wire = SimWire(_plan(), agenda, Entropy(b"1"))
        listener = await wire.host("node2").listen(443, echo)
        stream = await wire.host("node1").connect(SERVER, timeout_ns=SECOND)
        await listener.close()
        stream.abort()
        await wire.settle()
        with pytest.raises(ConnectionRefusedError):
            await wire.host("node1").connect(SERVER, timeout_ns=SECOND)
        recording = await wire.finish()
        await wire.close()
        flags = [s.flags for s in segments(recording)]
        assert flags[-1] == RST | ACK

    run_simulated(play)


def test_a_foreign_address_cannot_be_used() -> None:
    """Neither as a source nor to listen on."""

    async def play(agenda: Agenda) -> None:
        wire = SimWire(_plan(), agenda, Entropy(b"1"))
        foreign = ip_address("10.9.9.9")
        with pytest.raises(OSError, match="cannot connect from"):
            await wire.host("node1").connect(SERVER, source=foreign, timeout_ns=SECOND)
        with pytest.raises(OSError, match="cannot listen on"):
            await wire.host("node1").listen(443, echo, address=foreign)
        await wire.close()

    run_simulated(play)


def test_a_forwarded_port_keeps_the_source() -> None:
    """The other machine answers past this one, and whoever asked resets what it never wanted (F35)."""

    async def play(agenda: Agenda) -> None:
        third = ip_address("10.0.1.3")
        hosts = (*_plan().hosts, host("node3", ("dmz", third)))
        forwarding = Forwarding(host="node2", port=443, to=third)
        wire = SimWire(Plan(hosts=hosts, forwardings=(forwarding,)), agenda, Entropy(b"1"))
        await wire.host("node2").listen(443, echo)
        await wire.host("node3").listen(443, echo)
        with pytest.raises(TimeoutError):
            await wire.host("node1").connect(SERVER, timeout_ns=SECOND // 2)
        frames = (await wire.finish()).frames
        seen = [(f.data[26:30], f.data[30:34], f.data[47]) for f in frames]
        one, two, three = (a.packed for a in (NODE1, NODE2, third))
        assert seen == [(one, two, 2), (one, three, 2), (three, one, SYN | ACK), (one, three, RST)]
        await wire.close()

    run_simulated(play)
