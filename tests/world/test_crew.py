"""The crew: every actor on its host, every kind of step played."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from harness.net.address import Address, Endpoint
from harness.scenario.scenario import Scenario
from harness.site import canary
from harness.site.console import Console
from harness.world.actors.setting import Setting
from harness.world.crew import Crew
from harness.world.engine import Engine
from harness.world.host import Host, Program, ProgramError
from harness.world.layout import Layout, lay_out
from harness.world.pki.pki import Pki
from tests.world.actors.stage import LONG_NS, MemoryKeys
from tests.world.memory_wire import MemoryClock, MemoryHost, MemoryWire

SITE = {
    "fqdn": "access.example.com",
    "nodes": {"node1": "10.20.1.1", "node2": "10.20.1.2"},
    "balancers": {"vip": {"address": "10.20.0.10"}},
    "cert_proxy": {
        "destination": "access.example.com",
        "allow_remote_port_header": True,
        "accept_remote_port_from": "10.20.0.10",
    },
}
PROXY_PORT = 5262


class LaidOutWire(MemoryWire):
    """A memory wire with the machines of a layout; a fleet's machine is one host for each address."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(dict(layout.plan.names))
        self._by_name: dict[tuple[str, Address | None], MemoryHost] = {}
        for plan in layout.plan.hosts:
            for address in dict.fromkeys(a for at in plan.attachments for a in at.addresses):
                machine = MemoryWire.host(self, plan.name, address)
                self._by_name.setdefault((plan.name, None), machine)
                self._by_name[plan.name, address] = machine

    def host(self, name: str, address: Address | None = None) -> Host:  # type: ignore[override]
        """As a wire does."""
        return self._by_name[name, address]

    def callers(self, port: int) -> tuple[str, ...]:
        """Who sent SYNs to a port, the canary left out."""
        attempts = [a for a in self.attempts if a.client.address not in canary.NETWORK]
        return tuple(sorted({a.host for a in attempts if a.server.port == port}))


@asynccontextmanager
async def _crew(**more: object) -> AsyncIterator[tuple[Scenario, LaidOutWire, Crew]]:
    scenario = Scenario.model_validate({"scenario": "x", "site": SITE, **more})
    layout = lay_out(scenario)
    wire = LaidOutWire(layout)
    now_ns = MemoryClock().now_ns()
    setting = Setting(
        site=scenario.site,
        console=Console(scenario.site),
        pki=Pki(fqdn=scenario.site.fqdn, nodes=scenario.site.nodes, now_ns=now_ns),
        defects=frozenset(),
        keys=MemoryKeys(),
        proxy_key=bytes(32),
        timeout_ns=LONG_NS,
        engines={"haproxy": Engine(name="haproxy", path="/usr/sbin/haproxy", version="2.6")},
    )
    crew = Crew(scenario, layout, wire, setting)
    await crew.start()
    yield scenario, wire, crew
    await crew.stop()
    await wire.close()


class EndedProgram:
    """One that has ended before anybody stopped it."""

    async def stop(self, *, timeout_ns: int) -> None:
        raise ProgramError(f"vip: haproxy ended by itself, {timeout_ns} ns")

    async def kill(self) -> None:
        raise AssertionError("nobody restarts it")


@pytest.mark.asyncio
async def test_a_real_balancer_that_ends_by_itself_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not as one of several failures: nothing else went wrong."""

    async def launch(_host: MemoryHost, _program: Program, *, timeout_ns: int) -> EndedProgram:
        del timeout_ns
        return EndedProgram()

    monkeypatch.setattr(MemoryHost, "launch", launch)
    site = {**SITE, "balancers": {"vip": {"address": "10.20.0.10", "engine": "haproxy"}}}
    with pytest.raises(ProgramError, match=r"^vip: haproxy ended by itself"):
        async with _crew(site=site):
            pass


@pytest.mark.asyncio
async def test_a_real_balancer_that_does_not_start_is_told_as_such() -> None:
    """A wire in memory has no programs."""
    site = {**SITE, "balancers": {"vip": {"address": "10.20.0.10", "engine": "haproxy"}}}
    with pytest.raises(ProgramError, match="no /usr/sbin/haproxy in memory"):
        async with _crew(site=site):
            pass


@pytest.mark.asyncio
async def test_a_fleets_name_means_all_of_it() -> None:
    """Every device opens its own connection to the proxy port."""
    more = {
        "devices": {"phone": {"user": "u{n}@example.com", "count": 3}},
        "steps": [{"device": "phone", "sign_in": "salesforce"}],
    }
    async with _crew(**more) as (scenario, wire, crew):
        await crew.play(scenario.steps[0])

        sources = {a.client.address for a in wire.attempts if a.host == "phone"}
    assert len(sources) == 3


@pytest.mark.asyncio
async def test_steps_together_are_all_played() -> None:
    """A device and an attacker in one step."""
    more = {
        "devices": {"pixel": {"user": "alice@example.com"}},
        "attackers": {"mallory": {"address": "10.20.9.66", "segment": "dmz"}},
        "steps": [
            {
                "together": [
                    {"device": "pixel", "sign_in": "salesforce"},
                    {"attacker": "mallory", "request": "node1:443"},
                    {"attacker": "mallory", "call_back": "node1:5262"},
                ]
            }
        ],
    }
    async with _crew(**more) as (scenario, wire, crew):
        await crew.play(scenario.steps[0])

        targets = set(wire.servers("mallory"))
        callers = wire.callers(PROXY_PORT)
    assert targets == {"10.20.1.1:443", "10.20.1.1:5262"}
    assert callers == ("mallory", "pixel", "vip")


@pytest.mark.asyncio
async def test_a_balancer_is_restarted_and_probes_its_nodes() -> None:
    """It serves again after it was killed; a probe reaches the proxy port of every node, whose answer is its end."""
    more = {
        "devices": {"pixel": {"user": "alice@example.com"}},
        "steps": [
            {"device": "pixel", "tunnel": "open"},
            {"restart": "vip"},
            {"probe": "vip"},
            {"device": "pixel", "tunnel": "open"},
        ],
    }
    async with _crew(**more) as (scenario, wire, crew):
        reached = []
        for step in scenario.steps:
            before = len(wire.servers("vip"))
            await crew.play(step)
            reached.append(wire.servers("vip")[before:])

    first, restarted, probed, again = reached
    assert restarted == ()
    assert probed == ("10.20.1.1:5262", "10.20.1.2:5262")
    assert [len(first), len(again)] == [1, 1]


@pytest.mark.asyncio
async def test_the_canary_speaks_only_to_its_own() -> None:
    """No machine of the site hears of it, and nobody answers the forbidden address."""
    async with _crew() as (_, wire, crew):
        await crew.commit_canary()

        heard = {a.server.address in canary.NETWORK for a in wire.attempts}
        forbidden = [a for a in wire.attempts if a.server.address == canary.FORBIDDEN]
    assert heard == {True}
    assert [a.server for a in forbidden] == [Endpoint(canary.FORBIDDEN, 443)]


@pytest.mark.asyncio
async def test_stopped_servers_answer_nobody() -> None:
    """After `stop` no port is open any more."""
    async with _crew() as (_, wire, crew):
        await crew.stop()

        open_ports = [
            port
            for name in ("node1", "node2", "vip")
            for port in wire.host(name).listeners  # type: ignore[attr-defined]
        ]
    assert open_ports == []
