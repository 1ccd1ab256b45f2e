"""Address translation: several addresses behind one, and an endpoint that stands for another."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, ip_address

import pytest

from harness.net.address import Endpoint
from harness.world.entropy import Entropy
from harness.world.host import Stream
from harness.world.wire import sim_nat
from harness.world.wire.sim import SimWire, run_simulated
from harness.world.wire.sim_frame import SYN, Segment
from harness.world.wire.sim_loop import Agenda
from harness.world.wire.sim_nat import DestinationNat, SourceNat
from tests.world.private_world import PHONES, SECOND, VIP, echo, segments, site_plan

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
        SourceNat(int(OUTSIDE)).install(wire.link("phones", "outside"))
        await wire.host("vip").listen(443, serve)
        phones = [p for p in PHONES[:20] if isinstance(p, IPv4Address)]
        assert all(await asyncio.gather(*(call(wire, phone) for phone in phones)))
        await wire.settle()
        seen = {s.src.address for s in segments(await wire.finish())}
        assert seen == {OUTSIDE, VIP}
        await wire.close()

    run_simulated(play)

    assert {peer.address for peer in peers} == {OUTSIDE}
    assert len({peer.port for peer in peers}) == 20


def test_an_endpoint_stands_for_another() -> None:
    """Whoever asks for it gets the answer from it; the inside one also works under its own name."""

    async def play(agenda: Agenda) -> None:
        wire = SimWire(site_plan(), agenda, Entropy(b"1"))
        nat = DestinationNat((int(OUTSIDE), 5262), (int(VIP), 443))
        nat.install(wire.link("vip", "outside"))
        await wire.host("vip").listen(443, echo)
        for server in (Endpoint(OUTSIDE, 5262), Endpoint(VIP, 443)):
            stream = await wire.host("phones").connect(server, timeout_ns=SECOND)
            await stream.write(b"hello")
            assert await stream.read() == b"hello"
            assert stream.peer == server
            await stream.close()
        with pytest.raises(ConnectionRefusedError):
            await wire.host("phones").connect(Endpoint(VIP, 5262), timeout_ns=SECOND)
        await wire.close()

    run_simulated(play)


def test_ports_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """And that is said; one that is in use stays what it is."""
    monkeypatch.setattr(sim_nat, "LAST_PORT", sim_nat.FIRST_PORT)
    nat = SourceNat(int(OUTSIDE))
    first = Segment(1, 5000, 2, 443, 0, 0, SYN, 0)

    assert nat.leave(first) == nat.leave(first)
    with pytest.raises(OSError, match="has given out all 1 ports"):
        nat.leave(Segment(1, 5001, 2, 443, 0, 0, SYN, 0))
