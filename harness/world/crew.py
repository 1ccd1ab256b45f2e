"""The crew: every actor of a scenario on its host, started, played and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, assert_never

from harness.scenario.certificate_import import CertificateImport
from harness.scenario.event import ClockChange, LinkChange, NameChange, Until, Wait
from harness.scenario.scenario import Scenario
from harness.scenario.step import (
    ALL_NODES,
    CloneNode,
    EditSettings,
    ForgedCallback,
    ForgedRequest,
    KeptTunnel,
    Probe,
    RawProxyRequest,
    Restart,
    Revoke,
    SaveSettings,
    SignIn,
    Step,
    Together,
)
from harness.site.console import SERVICES, Service
from harness.site.responder import RESPONDER
from harness.world.actors.access import Access
from harness.world.actors.administrator import Administrator
from harness.world.actors.android import Android
from harness.world.actors.attacker import Attacker
from harness.world.actors.balancer import LoadBalancer
from harness.world.actors.bystander import Bystander
from harness.world.actors.canary import Canary
from harness.world.actors.cert_proxy import CertProxy
from harness.world.actors.program_balancer import ProgramBalancer
from harness.world.actors.responder import Responder
from harness.world.actors.setting import Setting
from harness.world.events import Events
from harness.world.host import ProgramError, Wire
from harness.world.layout import Layout

AT_ONCE = 50
"""Devices of one step that act at the same time; more would only measure the machine."""


class Server(Protocol):
    """An actor that serves."""

    async def start(self) -> None:
        """Listen."""
        ...

    async def stop(self) -> None:
        """Stop listening and end what is running, in order."""
        ...


class Crew:
    """The actors of one run."""

    def __init__(self, scenario: Scenario, layout: Layout, wire: Wire, setting: Setting) -> None:
        """Put each actor on its host; nothing listens yet."""
        site = scenario.site
        self._administrator = Administrator(setting)
        for one in scenario.certificates:
            self._administrator.import_certificate(one)
        self._services: dict[tuple[str, str], CertProxy | Access] = {}
        for node in site.nodes:
            self._services[node, "cert_proxy"] = CertProxy(wire.host(node), node, setting)
            self._services[node, "access"] = Access(wire.host(node), node, setting)
        servers: list[Server] = list(self._services.values())
        self._balancers = {
            name: (LoadBalancer if balancer.engine == "builtin" else ProgramBalancer)(
                wire.host(name), name, setting
            )
            for name, balancer in site.balancers.items()
        }
        servers += self._balancers.values()
        servers += [
            Bystander(wire.host(name), bystander, setting)
            for name, bystander in scenario.bystanders.items()
        ]
        if site.revocation is not None:
            host = wire.host(RESPONDER)
            servers.append(Responder(host, scenario.responder, site.revocation, setting))
        self._servers = tuple(servers)
        self._devices = {
            named.name: Android(
                wire.host(named.fleet, named.address), named.name, named.device, setting
            )
            for named in layout.devices
        }
        self._fleets: dict[str, tuple[str, ...]] = {}
        for named in layout.devices:
            self._fleets[named.fleet] = (*self._fleets.get(named.fleet, ()), named.name)
        self._attackers = {name: Attacker(wire.host(name), setting) for name in scenario.attackers}
        self._canary = Canary(
            wire.host("canary-node"),
            wire.host("canary-other-node"),
            wire.host("canary-balancer"),
            wire.host("canary-device"),
            setting,
        )
        self._clock = wire.host(next(iter(site.nodes))).clock
        self._console = setting.console
        # Of a machine whose clock no scenario can change.
        self._true_clock = wire.host("canary-node").clock
        self._events = Events(wire, layout.plan)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def start(self) -> None:
        """Start every server."""
        for server in self._servers:
            await server.start()

    async def stop(self) -> None:
        """Let devices end what they kept, then stop every server.

        All at the same time, so that connections that nobody ends cost one time-out, not many.
        """
        for device in self._devices.values():
            await device.close()
        try:
            async with asyncio.TaskGroup() as group:
                for server in self._servers:
                    group.create_task(server.stop())
        except* ProgramError as ended:
            raise ended.exceptions[0] from None

    async def commit_canary(self) -> None:
        """Let the harness commit its own known violations."""
        await self._canary.commit()

    async def play(self, step: Step) -> None:
        """One step, to its end."""
        async with asyncio.TaskGroup() as group:
            for action in self._actions(step):
                group.create_task(self._act(action))

    async def _act(self, action: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with self._slots:
            await action()

    async def _administer(
        self,
        step: Restart | Probe | EditSettings | SaveSettings | CloneNode | CertificateImport,
    ) -> None:
        match step:
            case Restart():
                await self._restart(step)
            case Probe():
                await self._balancers[step.probe].probe()
            case EditSettings():
                self._edit(step)
            case SaveSettings():
                self._save(step)
            case CloneNode():
                await self._clone(step)
            case CertificateImport():
                self._administrator.import_certificate(step)

    async def _restart(self, step: Restart) -> None:
        await self._clock.sleep(step.after_ms * 1_000_000)
        if step.restart in self._balancers:
            await self._balancers[step.restart].restart()
            return
        for node in self._nodes(step.restart):
            await self._start_again(node, step.service)

    async def _start_again(self, node: str, service: Service) -> None:
        self._console.restart(node, service, at_ns=self._true_clock.now_ns())
        await self._services[node, service].restart()

    def _edit(self, step: EditSettings) -> None:
        for node in self._nodes(step.edit):
            self._console.edit(node, step.page)

    def _save(self, step: SaveSettings) -> None:
        for node in self._nodes(step.save):
            self._console.save(node, at_ns=self._true_clock.now_ns())

    async def _clone(self, step: CloneNode) -> None:
        self._console.clone(step.clone, step.to)
        self._console.save(step.to, at_ns=self._true_clock.now_ns())
        for service in SERVICES:
            await self._start_again(step.to, service)

    def _nodes(self, name: str) -> tuple[str, ...]:
        return self._console.nodes if name == ALL_NODES else (name,)

    def _one(
        self, step: KeptTunnel | RawProxyRequest | Revoke
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        """What one device does beside signing in."""
        match step:
            case KeptTunnel():
                return _bind(self._devices[step.device].keep_tunnel, step)
            case RawProxyRequest():
                return _bind(self._devices[step.device].send_raw, step)
            case Revoke():
                return _bind(self._devices[step.revoke].revoke, step)

    def _actions(self, step: Step) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        match step:
            case SignIn():
                asked = (step.device,) if isinstance(step.device, str) else step.device
                names = tuple(name for one in asked for name in self._fleets.get(one, (one,)))
                return tuple(_bind(self._devices[name].sign_in, step) for name in names)
            case ForgedRequest():
                return (_bind(self._attackers[step.attacker].forged_request, step),)
            case ForgedCallback():
                return (_bind(self._attackers[step.attacker].forged_callback, step),)
            case KeptTunnel() | RawProxyRequest() | Revoke():
                return (self._one(step),)
            case (
                Restart()
                | Probe()
                | EditSettings()
                | SaveSettings()
                | CloneNode()
                | CertificateImport()
            ):
                return (_bind(self._administer, step),)
            case Wait() | Until() | LinkChange() | NameChange() | ClockChange():
                return (_bind(self._events.play, step),)
            case Together():
                return tuple(action for one in step.together for action in self._actions(one))
            case _:
                assert_never(step)


def _bind(
    act: Callable[[Any], Coroutine[Any, Any, None]], step: Any
) -> Callable[[], Coroutine[Any, Any, None]]:
    return lambda: act(step)
