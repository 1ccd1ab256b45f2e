"""Address translation: several addresses behind one, and one that stands for another."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from harness.net.address import Address, Endpoint
from harness.world.entropy import Entropy
from harness.world.host import Stream
from harness.world.wire.plan import Translation
from harness.world.wire.sim import SimWire, run_simulated
from harness.world.wire.sim_address import number_of
from harness.world.wire.sim_frame import SYN, Segment
from harness.world.wire.sim_loop import Agenda
from harness.world.wire.sim_nat import SourceNat
from tests.world.private_world import NODE1, PHONES, SECOND, VIP, echo, segments, site_plan

OUTSIDE = ip_address("198.51.100.1")


def test_many_addresses_hide_behind_one() -> None:
    """Even with the same ports; each gets its own answers, and on the wire only the one is seen."""
    peers: list[Endpoint] = []

    async def serve(stream: Stream) -> None:
        peers.append(stream.peer)
        await echo(stream)

    async def call(wire: SimWire, phone: IPv4Address) -> bool:
        host = wire.host("phones", phone)
        stream = await host.connect(Endpoint(VIP, 443), source_port=5000, timeout_ns=SECOND)
        await stream.write(str(phone).encode())
        answer = await stream.read()
        await stream.close()
        return answer == str(phone).encode() and stream.local == Endpoint(phone, 5000)

    async def play(agenda: Agenda) -> None:
        wire = SimWire(site_plan(), agenda, Entropy(b"1"))
        inside = [number_of(phone) for phone in PHONES]
        nat = SourceNat(
            int(OUTSIDE), {one: (2000 + 10 * n, 2009 + 10 * n) for n, one in enumerate(inside)}
        )
        nat.install(wire.link("phones", "outside"), *inside)
        await wire.host("vip").listen(443, serve)
        phones = [p for p in PHONES[:20] if isinstance(p, IPv4Address)]
        assert all(await asyncio.gather(*(call(wire, phone) for phone in phones)))
        await wire.settle()
        seen = {s.src.address for s in segments(await wire.finish())}
        assert seen == {OUTSIDE, VIP}
        await wire.close()

    run_simulated(play)

    assert {peer.address for peer in peers} == {OUTSIDE}
    assert sorted(peer.port for peer in peers) == [2000 + 10 * number for number in range(20)]


def test_ports_are_used_again_when_all_were_given_out() -> None:
    """The one given out first goes to the newcomer; a connection keeps what it has until then."""
    nat = SourceNat(int(OUTSIDE), {1: (2000, 2001)})

    def port_of(source_port: int) -> int:
        left = nat.leave(Segment(1, source_port, 2, 443, 0, 0, SYN, 0))
        assert isinstance(left, Segment)
        return left.source_port

    assert [port_of(p) for p in (5000, 5001, 5000, 5002, 5001)] == [2000, 2001, 2000, 2000, 2001]
    assert nat.find_outside((1, 5002)) == (int(OUTSIDE), 2000)
    assert nat.find_outside((1, 5000)) is None


def _answers(ports: tuple[int, int] | None, client: str, server: Endpoint) -> set[Address]:
    """Play one echo, with node1 behind OUTSIDE on the dmz; whom the packets there name."""
    seen: set[Address] = set()

    async def play(agenda: Agenda) -> None:
        hidden = Translation(segment="dmz", outside=OUTSIDE, blocks={NODE1: ports})
        plan = replace(site_plan(), translations=(hidden,))
        wire = SimWire(plan, agenda, Entropy(b"1"))
        await wire.host("node1").listen(443, echo)
        await wire.host("vip").listen(443, echo)
        stream = await wire.host(client).connect(server, timeout_ns=SECOND)
        await stream.write(b"hello")
        assert await stream.read() == b"hello"
        await stream.close()
        await wire.settle()
        seen.update(
            end.address
            for s in segments(await wire.finish())
            for end in (s.src, s.dst)
            if s.tap == "dmz"
        )
        await wire.close()

    run_simulated(play)
    return seen


@pytest.mark.parametrize(
    ("client", "server"),
    [("intruder", Endpoint(OUTSIDE, 443)), ("node1", Endpoint(VIP, 443))],
    ids=["from others", "to others"],
)
def test_a_machine_has_another_address_for_others(client: str, server: Endpoint) -> None:
    """In both directions; its own one is not seen on that segment."""
    seen = _answers(None, client, server)

    assert OUTSIDE in seen
    assert NODE1 not in seen


def test_its_own_address_leads_nowhere_there() -> None:
    """Whoever knows only that one gets no answer."""
    with pytest.raises(TimeoutError):
        _answers(None, "intruder", Endpoint(NODE1, 443))


def test_who_comes_in_by_a_hidden_machines_own_address_is_answered_by_it() -> None:
    """Source translation concerns only what the machine itself begins."""
    seen = _answers((2000, 2999), "intruder", Endpoint(NODE1, 443))

    assert NODE1 in seen
    assert OUTSIDE not in seen
