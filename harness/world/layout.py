"""The layout of a scenario: which machine stands on which segment, and who is called what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from harness.net.address import Address, Endpoint
from harness.scenario.fleet import NamedDevice, devices
from harness.scenario.scenario import Scenario
from harness.site import canary
from harness.site.responder import RESPONDER
from harness.site.site import SERVICE_PORT
from harness.world.translations import find_translations
from harness.world.wire.plan import Attachment, Forwarding, HostPlan, Plan

CANARY_HOSTS: Mapping[str, Address] = MappingProxyType(
    {
        "canary-node": canary.NODE,
        "canary-other-node": canary.OTHER_NODE,
        "canary-balancer": canary.BALANCER,
        "canary-device": canary.DEVICE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A plan for a wire, and the names that go into the capture."""

    plan: Plan
    devices: tuple[NamedDevice, ...]
    host_names: Mapping[Address, str]
    """Address to the one name that a capture shows for it."""

    def seen(self, device: Address) -> str:
        """Whose packets are a device's: an address, or ADDRESS:FIRST-LAST behind one that is shared."""
        for translation in self.plan.translations:
            ports = translation.blocks.get(device)
            if ports is not None:
                return f"{Endpoint(translation.outside, ports[0])}-{ports[1]}"
        return str(device)


def lay_out(scenario: Scenario) -> Layout:
    """Place every machine of a scenario, and the canary's, on the segments.

    Balancers stand between outside and dmz with one address; nodes stand on dmz and inside, and where
    no balancer shields them also on outside.
    """
    site = scenario.site
    named = devices(scenario)
    node_segments = ("dmz", "inside") if site.balancers else ("dmz", "inside", "outside")
    hosts = [
        HostPlan(
            name=name,
            attachments=_attach(site.addresses(name), *node_segments),
            loopback_tap=True,
            port_range=_ports(scenario, name),
        )
        for name in site.nodes
    ]
    hosts += [
        HostPlan(
            name=name,
            attachments=_attach(site.addresses(name), "dmz", "outside"),
            port_range=_ports(scenario, name),
        )
        for name in site.balancers
    ]
    for table in (scenario.attackers, scenario.bystanders):
        hosts += [
            HostPlan(name=name, attachments=_attach((host.address,), host.segment))
            for name, host in table.items()
        ]
    if site.revocation is not None:
        asked = _attach((site.revocation.address,), "inside")
        hosts.append(HostPlan(name=RESPONDER, attachments=asked))
    hosts += _device_hosts(named, scenario)
    hosts += [
        HostPlan(name=name, attachments=_attach((address,), "dmz"))
        for name, address in CANARY_HOSTS.items()
    ]
    machines = _machines(scenario)
    names = {**machines, **{name: (address,) for name, address in site.names.items()}}
    names |= {site.host_name(name): site.addresses(name) for name in site.nodes}
    names |= scenario.look_ups
    names[site.fqdn] = site.resolve(site.fqdn)
    host_names = {address: name for name, owned in machines.items() for address in owned}
    host_names |= {a: name for name in site.nodes for a in site.aliases(name)}
    host_names |= {device.address: device.name for device in named}
    return Layout(
        plan=Plan(
            hosts=tuple(hosts),
            names=MappingProxyType(names),
            translations=find_translations(scenario, named),
            forwardings=tuple(_forward(scenario)) if "F35" in scenario.defects else (),
        ),
        devices=named,
        host_names=MappingProxyType(host_names),
    )


def _forward(scenario: Scenario) -> Iterator[Forwarding]:
    """F35: balancers that pass TLS on change the destination of packets and nothing else: answers go past them."""
    site = scenario.site
    for name, balancer in site.balancers.items():
        if not balancer.service.ends_tls:
            # Not to the node that the first device comes through.
            *_, last = (node for node in site.behind(name) if node in site.nodes)
            yield Forwarding(host=name, port=SERVICE_PORT, to=site.nodes[last])


def _machines(scenario: Scenario) -> dict[str, tuple[Address, ...]]:
    """The addresses of every machine but devices."""
    site = scenario.site
    asked = site.revocation
    return {
        **{name: site.addresses(name) for name in (*site.nodes, *site.balancers)},
        **{name: (host.address,) for name, host in scenario.attackers.items()},
        **{name: (host.address,) for name, host in scenario.bystanders.items()},
        **{name: (address,) for name, address in CANARY_HOSTS.items()},
        **({} if asked is None else {RESPONDER: (asked.address,)}),
    }


def _ports(scenario: Scenario, name: str) -> tuple[int, int] | None:
    ports = scenario.port_ranges.get(name)
    return None if ports is None else (ports.first, ports.last)


def _attach(addresses: tuple[Address, ...], *segments: str) -> tuple[Attachment, ...]:
    return tuple(Attachment(segment=segment, addresses=addresses) for segment in segments)


def _device_hosts(named: tuple[NamedDevice, ...], scenario: Scenario) -> list[HostPlan]:
    """One machine for each device; a fleet shares one, since a bridge has room for 1,024 ports only."""
    fleets: dict[str, list[Address]] = {}
    for device in named:
        fleets.setdefault(device.fleet, []).append(device.address)
    return [
        HostPlan(
            name=fleet,
            attachments=(Attachment(segment="outside", addresses=tuple(addresses)),),
            port_range=_ports(scenario, fleet),
        )
        for fleet, addresses in fleets.items()
    ]
