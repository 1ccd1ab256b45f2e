"""A stage for actors: sites, and a whole deployment on the memory wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from harness.net.address import Endpoint
from harness.scenario.scenario import Bystander as BystanderPlan
from harness.scenario.scenario import Device
from harness.scenario.scenario import Responder as ResponderPlan
from harness.scenario.step import SignIn
from harness.site.console import Console
from harness.site.sign_in import find_user
from harness.site.site import Site
from harness.world.actors.access import Access
from harness.world.actors.android import Android
from harness.world.actors.attacker import Attacker
from harness.world.actors.balancer import LoadBalancer
from harness.world.actors.bystander import Bystander
from harness.world.actors.cert_proxy import CertProxy
from harness.world.actors.http1 import Response
from harness.world.actors.responder import Responder
from harness.world.actors.setting import Setting
from harness.world.engine import Engine
from harness.world.pki.pki import Pki
from tests.world.memory_wire import MemoryClock, MemoryWire
from tests.world.wiretap import requests

FQDN = "access.example.com"
NODES = {"node1": "10.20.1.1", "node2": "10.20.1.2", "node3": "10.20.1.3"}
VIP = "10.20.0.10"
DEVICE = "203.0.113.10"
ATTACKER = "10.20.9.66"
BYSTANDER = "10.20.7.7"
SHORT_NS = 400_000_000
"""A time-out for tests that wait for it."""
LONG_NS = 5_000_000_000


class MemoryKeys:
    """A KeyTap that keeps what it gets."""

    def __init__(self) -> None:
        self.sessions: dict[bytes, dict[str, bytes]] = {}

    def secret(
        self, *, local: Endpoint, peer: Endpoint, client_random: bytes, label: str, secret: bytes
    ) -> None:
        self.sessions.setdefault(client_random, {})[label] = secret


def cluster(*, balancer: dict[str, Any] | None = None, tls: str = "1.3", **page: Any) -> Site:
    """Three nodes behind a balancer that ends TLS on 443; `page` changes the settings page."""
    settings = {
        "destination": FQDN,
        "allow_remote_port_header": True,
        "accept_remote_port_from": VIP,
        **page,
    }
    vip = {"address": VIP, **(balancer or {})}
    site = {
        "fqdn": FQDN,
        "nodes": NODES,
        "balancers": {"vip": vip},
        "cert_proxy": settings,
        "tls": tls,
    }
    return Site.model_validate(site)


def pass_through_cluster(**page: Any) -> Site:
    """Three nodes behind a balancer that ends no TLS; each proxy talks to its own node."""
    settings = {"destination": "localhost", "allow_remote_port_header": False, **page}
    return cluster(balancer={"443": "passthrough"}, **settings)


def single_node(**page: Any) -> Site:
    """One node and no balancer."""
    settings = {"destination": FQDN, **page}
    return Site.model_validate(
        {"fqdn": FQDN, "nodes": {"node1": NODES["node1"]}, "cert_proxy": settings}
    )


def make_setting(
    site: Site,
    defects: Iterable[str] = (),
    *,
    timeout_ns: int = LONG_NS,
    keys: MemoryKeys | None = None,
    engines: Iterable[Engine] = (),
) -> Setting:
    """A setting with certificates of its own."""
    return Setting(
        site=site,
        console=Console(site),
        pki=Pki(fqdn=site.fqdn, nodes=site.nodes, now_ns=MemoryClock().now_ns()),
        defects=frozenset(defects),
        keys=keys or MemoryKeys(),
        proxy_key=b"k" * 32,
        timeout_ns=timeout_ns,
        engines={engine.name: engine for engine in engines},
    )


@dataclass
class Stage:
    """A running deployment."""

    wire: MemoryWire
    keys: MemoryKeys
    setting: Setting
    device: Android
    attacker: Attacker

    def requests(self, server: str) -> tuple[tuple[str, ...], ...]:
        """The lines of each request that a server (`ADDRESS:PORT`) got."""
        return requests(self.wire, self.keys.sessions, server)

    async def sign_in(self, **step: Any) -> tuple[Response, ...]:
        """What the device is answered."""
        return await self.device.visit(
            SignIn.model_validate({"device": "pixel", "sign_in": "salesforce", **step})
        )

    async def user(self, **step: Any) -> str | None:
        """Whom the last answer to the device signs in."""
        answers = await self.sign_in(**step)
        return find_user(answers[-1].status, answers[-1].body) if answers else None

    def callbacks(self) -> tuple[tuple[str, str], ...]:
        """Who called back whom."""
        targets = {f"{address}:{port}" for address in NODES.values() for port in (5262, 5263)}
        return tuple(
            (attempt.host, str(attempt.server))
            for attempt in self.wire.attempts
            if attempt.host in NODES and str(attempt.server) in targets
        )


@asynccontextmanager
async def stage(
    site: Site,
    *,
    defects: Iterable[str] = (),
    device: Device | None = None,
    responder: ResponderPlan | None = None,
    timeout_ns: int = LONG_NS,
) -> AsyncIterator[Stage]:
    """Every actor of a site, started; stopped at the end, when nothing may be left and no serve may have raised."""
    names = {name: site.resolve(name) for name in (site.fqdn, *site.names)}
    wire = MemoryWire(names)
    keys = MemoryKeys()
    setting = make_setting(site, defects, timeout_ns=timeout_ns, keys=keys)
    servers: list[Any] = []
    for name, address in site.nodes.items():
        host = wire.host(name, address)
        servers += [CertProxy(host, name, setting), Access(host, name, setting)]
    for name, balancer in site.balancers.items():
        servers.append(LoadBalancer(wire.host(name, balancer.address), name, setting))
    bystander = BystanderPlan(address=ip_address(BYSTANDER), listen=(443, 8443))
    servers.append(Bystander(wire.host("bystander", BYSTANDER), bystander, setting))
    if site.revocation is not None:
        host = wire.host("responder", site.revocation.address)
        servers.append(Responder(host, responder or ResponderPlan(), site.revocation, setting))
    for server in servers:
        await server.start()
    plan = device or Device(user="alice@example.com")
    pixel = Android(wire.host("pixel", DEVICE), "pixel", plan, setting)
    attacker = Attacker(wire.host("mallory", ATTACKER), setting)
    try:
        yield Stage(wire, keys, setting, pixel, attacker)
    finally:
        for server in reversed(servers):
            await server.stop()
        await wire.close()
