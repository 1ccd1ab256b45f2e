"""The simulated wire: the machines and segments of a plan in memory and in virtual time, byte for byte the same.

It shows how actors and protocols behave, not how the kernel, real load or real time do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from harness.net.address import Address, Endpoint
from harness.world.entropy import Entropy
from harness.world.recorder.recording import Recording
from harness.world.wire.layout import NOBODY, check_plan, mac_of
from harness.world.wire.plan import Plan, Translation
from harness.world.wire.sim_address import address_of, number_of
from harness.world.wire.sim_host import SimClock, SimHost
from harness.world.wire.sim_link import Link, LinkSettings, SimTap, Switch
from harness.world.wire.sim_loop import Agenda, SimLoop
from harness.world.wire.sim_machine import SimMachine
from harness.world.wire.sim_nat import OneToOneNat, SourceNat

MODE = "simulated"
START_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z: when every simulated run begins, unless told otherwise."""
_SETTLE_SECONDS = 0.25
"""Longer than any acknowledgement waits and any packet is under way on a good link."""

Result = TypeVar("Result")


class SimWire:
    """The wire while it stands."""

    mode = MODE
    platform = "simulated wire in virtual time"
    versions: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self, plan: Plan, agenda: Agenda, entropy: Entropy, *, start_ns: int = START_NS
    ) -> None:
        """Build it.

        Args:
            plan: the machines.
            agenda: of the loop that runs.
            entropy: every random byte and every chance of this wire.
            start_ns: the time of day at which the agenda began, since the epoch.

        Raises:
            ValueError: the plan cannot be built; every problem in one message.
        """
        check_plan(plan)
        self._agenda, self._start_ns = agenda, start_ns
        self._names = {name.lower(): addresses for name, addresses in plan.names.items()}
        used = {a.segment for host in plan.hosts for a in host.attachments}
        names = [s for s in plan.segments if s in used]
        names += [f"{h.name}.lo" for h in plan.hosts if h.loopback_tap]
        self.taps = tuple(names)
        taps = self._taps = {name: SimTap(name, index) for index, name in enumerate(names)}
        self._switches = {
            s: Switch(agenda, s, taps[s], start_ns=start_ns, unowned=mac_of(NOBODY))
            for s in plan.segments
            if s in used
        }
        self._machines: dict[str, SimMachine] = {}
        self._clocks: dict[str, SimClock] = {}
        self._links: dict[tuple[str, str], Link] = {}
        for host in plan.hosts:
            addresses = tuple(dict.fromkeys(a for at in host.attachments for a in at.addresses))
            self._machines[host.name] = SimMachine(
                host.name,
                addresses,
                agenda,
                entropy.child(f"machine {host.name}"),
                loopback=taps.get(f"{host.name}.lo"),
                start_ns=start_ns,
                port_range=host.port_range,
            )
            self._clocks[host.name] = SimClock(agenda, start_ns=start_ns)
        self._plug_in(plan, entropy)
        self._lay_routes(plan)
        for one in plan.forwardings:
            self._machines[one.host].forwards[one.port] = number_of(one.to)
        self._nats = tuple(self._translate(one) for one in plan.translations)

    def _plug_in(self, plan: Plan, entropy: Entropy) -> None:
        for host in plan.hosts:
            machine = self._machines[host.name]
            for attachment in host.attachments:
                switch = self._switches[attachment.segment]
                link = Link(
                    self._agenda,
                    switch,
                    entropy.child(f"link {host.name} {attachment.segment}"),
                    mac=mac_of(attachment.addresses[0]),
                    deliver=machine.receive,
                )
                self._links[host.name, attachment.segment] = link
                machine.plug(link, attachment.addresses)
                for address in attachment.addresses:
                    switch.plug(number_of(address), link)

    def _lay_routes(self, plan: Plan) -> None:
        """Two machines with several segments in common talk over the first of them."""
        owned = {
            segment: [
                (host.name, [number_of(a) for a in at.addresses])
                for host in plan.hosts
                for at in host.attachments
                if at.segment == segment
            ]
            for segment in self._switches
        }
        for host in plan.hosts:
            routes = self._machines[host.name].routes
            mine = {at.segment for at in host.attachments}
            for segment, neighbours in owned.items():
                if segment not in mine:
                    continue
                link = self._links[host.name, segment]
                for name, addresses in neighbours:
                    if name != host.name:
                        for address in addresses:
                            routes.setdefault(address, link)

    def _translate(self, translation: Translation) -> SourceNat | OneToOneNat:
        """Install one; all others on the segment find its address there."""
        segment, outside = translation.segment, number_of(translation.outside)
        owners = {number_of(a): name for name, m in self._machines.items() for a in m.addresses}
        inside = {number_of(address): ports for address, ports in translation.blocks.items()}
        for (name, where), link in self._links.items():
            if where == segment and name not in {owners[address] for address in inside}:
                self._machines[name].routes[outside] = link
        blocks = {address: ports for address, ports in inside.items() if ports is not None}
        if not blocks:
            (only,) = inside
            one = OneToOneNat(outside, only)
            one.install(self._links[owners[only], segment])
            return one
        nat = SourceNat(outside, blocks)
        for address in blocks:
            nat.install(self._links[owners[address], segment], address)
        return nat

    def find_outside(self, end: Endpoint) -> Endpoint | None:
        """What a tap saw instead of this end of a connection, where its address is translated."""
        inside = (number_of(end.address), end.port)
        for nat in self._nats:
            if (outside := nat.find_outside(inside)) is not None:
                return Endpoint(address_of(outside[0]), outside[1])
        return None

    def host(self, name: str, address: Address | None = None) -> SimHost:
        """One host; with an address, bound to it as the source of everything it sends.

        Raises:
            KeyError: no such host.
            ValueError: the host does not own the address.
        """
        machine = self._machines[name]
        if address is not None and address not in machine.addresses:
            raise ValueError(
                f"host {name!r} does not own {address}; it owns {len(machine.addresses)} others"
            )
        return SimHost(machine, self._agenda, self._clocks[name], self._names, address)

    def link(self, host: str, segment: str) -> Link:
        """The cable of a host to a segment.

        Raises:
            KeyError: it has none.
        """
        return self._links[host, segment]

    def set_link(self, host: str, segment: str, **settings: Any) -> None:
        """Change some LinkSettings of one cable, from now on."""
        link = self._links[host, segment]
        changed: LinkSettings = replace(link.settings, **settings)
        link.settings = changed

    def set_name(self, name: str, *addresses: Address) -> None:
        """From now on a name has these addresses; none: it is unknown."""
        self._names[name.lower()] = addresses

    def set_skew(self, host: str, skew_ns: int) -> None:
        """From now on a host's clock is so far ahead."""
        self._clocks[host].skew_ns = skew_ns

    # recording

    def inject(self, tap: str, frame: bytes) -> None:
        """Let a tap see a frame that nobody sent, after all that it has seen."""
        seen = self._taps[tap].frames
        last_ns = max((f.time_ns for f in seen), default=0)
        self._taps[tap].record(max(self._start_ns + self._agenda.now_ns, last_ns + 1), frame)

    async def settle(self) -> None:
        """Let everything arrive that is under way."""
        await asyncio.sleep(_SETTLE_SECONDS)

    async def finish(self) -> Recording:
        """Everything seen so far, in order of time."""
        frames = [frame for tap in self._taps.values() for frame in tap.frames]
        frames.sort(key=lambda frame: frame.time_ns)
        counts = tuple(tap.count() for tap in self._taps.values())
        return Recording(taps=counts, frames=tuple(frames))

    async def close(self) -> None:
        """Close all that is open."""
        await asyncio.gather(*(m.close() for m in self._machines.values()))


def run_simulated(
    function: Callable[[Agenda], Coroutine[Any, Any, Result]],
) -> Result:
    """Run a coroutine function in a loop of its own whose time is virtual; it is given the loop's agenda.

    Raises:
        RuntimeError: this thread runs a loop already.
    """
    agenda = Agenda()
    loop = SimLoop(agenda)
    try:
        return loop.run_until_complete(function(agenda))
    finally:
        _cancel_rest(loop)
        loop.close()


def _cancel_rest(loop: asyncio.AbstractEventLoop) -> None:
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
