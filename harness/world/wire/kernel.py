"""The kernel wire: one network namespace per host, one bridge per segment, veth pairs between them.

The bridges stand in a namespace of their own, the switch. Nothing routes between segments or out of them.
"""

from __future__ import annotations

import asyncio
import os
import resource
import tempfile
import time
from contextlib import ExitStack, suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import Self

from harness.net.address import Address
from harness.world.wire import offload, rtnetlink
from harness.world.wire.kernel_host import KernelHost, Machine
from harness.world.wire.layout import InterfacePlan, check_plan, lay_out, mac_of
from harness.world.wire.namespace import Namespace, WireError, current_mode, set_sysctl
from harness.world.wire.plan import HostPlan, Plan
from harness.world.wire.rtnetlink import LOOPBACK, Link, Request, Rtnetlink
from harness.world.wire.tap import TapPoint

_READY_TIMEOUT_NS = 5_000_000_000
_POLL_SECONDS = 0.0005
_LOOPBACK_MTU = 1500
"""As on the bridges; the usual 65,536 makes packets that no wire carries."""

_SYSCTLS = (
    # First, because changing it resets others.
    ("ipv4/ip_forward", "0"),
    ("ipv6/conf/all/disable_ipv6", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
    ("ipv4/ip_unprivileged_port_start", "0"),
    # One address may stand on two segments of a host: neither drop by source nor answer for the other interface.
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/conf/all/arp_ignore", "1"),
    ("ipv4/conf/all/arp_announce", "2"),
    # A fleet connects all at once; what does not fit the queue would be sent again a second later.
    ("core/somaxconn", "16384"),
    ("ipv4/tcp_max_syn_backlog", "16384"),
    # Tail loss probes of a busy machine look like lost packets.
    ("ipv4/tcp_early_retrans", "0"),
)


_SYSCTLS_6 = (
    ("ipv6/conf/all/disable_ipv6", "0"),
    ("ipv6/conf/default/disable_ipv6", "0"),
    ("ipv6/conf/lo/disable_ipv6", "0"),
    # No link-local addresses: without them nobody asks for routers or reports multicast groups.
    ("ipv6/conf/all/addr_gen_mode", "1"),
    ("ipv6/conf/default/addr_gen_mode", "1"),
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
)
"""For hosts with IPv6 addresses; the others have none of it."""


def _configure(host: HostPlan) -> None:
    """The settings of a host's namespace, from inside, before it has an interface."""
    for name, value in _SYSCTLS:
        if name.startswith("ipv6/"):
            # A kernel without IPv6 has nothing to switch off.
            with suppress(FileNotFoundError):
                set_sysctl(name, value)
        else:
            set_sysctl(name, value)
    if any(a.version == 6 for at in host.attachments for a in at.addresses):
        for name, value in _SYSCTLS_6:
            set_sysctl(name, value)
    if host.port_range is not None:
        first, last = host.port_range
        set_sysctl("ipv4/ip_local_port_range", f"{first} {last}")
        # A port whose connection ended rests for a second, not for a minute (RFC 6191); else a narrow range is used up
        # by connections that are over.
        with suppress(OSError):
            set_sysctl("ipv4/tcp_tw_reuse", "1")


def _host_requests(
    index_of: dict[str, int], interfaces: tuple[InterfacePlan, ...]
) -> list[Request]:
    requests = [rtnetlink.link_up(LOOPBACK, mtu=_LOOPBACK_MTU)]
    added: dict[Address, None] = {}
    # Of all interfaces that have it, and once for the machine.
    local: dict[IPv4Network, None] = {}
    for interface in interfaces:
        index = index_of[interface.segment]
        for first in interface.addresses:
            if first.version == 4:
                requests.append(rtnetlink.address(index, first))
            else:
                added[first] = None
        requests.append(rtnetlink.link_up(index))
        for network in interface.own:
            if isinstance(network, IPv4Network):
                local[network] = None
            else:
                added |= dict.fromkeys(network)
    # One address may stand on two interfaces: on `lo` it stands once, and serves both.
    requests += [rtnetlink.address(LOOPBACK, value) for value in added]
    requests += [rtnetlink.local_route(network) for network in local]
    for interface in interfaces:
        index = index_of[interface.segment]
        requests += [rtnetlink.neighbour(index, n, mac) for n, mac in interface.neighbours]
        for route in interface.routes:
            source = interface.source(route.network.version)
            assert source is not None
            requests.append(rtnetlink.route(route.network, index, source=source, via=route.via))
    # `lo` has 127.0.0.1/8 and ::1 from the kernel as soon as it is up.
    return requests


def _is_ready(links: dict[str, Link], *, bridges: tuple[str, ...]) -> bool:
    """True when every veth end forwards; a bridge without ports never comes up and does not count."""
    return all(
        link.up and link.port_forwarding is not False
        for name, link in links.items()
        if name not in bridges
    )


class KernelWire:
    """The wire while it stands."""

    def __init__(
        self,
        plan: Plan,
        switch: Namespace,
        machines: dict[str, Machine],
        taps: tuple[TapPoint, ...],
    ) -> None:
        """For `build` only."""
        self._switch, self._machines = switch, machines
        self._names = {name.lower(): addresses for name, addresses in plan.names.items()}
        self.taps = taps
        self.mode = current_mode()

    @classmethod
    async def build(cls, plan: Plan, *, folder: Path | None = None) -> Self:
        """Build it and wait until every link forwards.

        Args:
            plan: the machines.
            folder: each machine that runs a program makes one beside it, `FOLDER.MACHINE`; None: among the system's
                temporary files.

        Raises:
            ValueError: the plan cannot be built; every problem in one message.
            WireError: the kernel refused something, or links did not come up in 5 seconds.
        """
        check_plan(plan)
        _raise_file_limit()
        switch = Namespace.create()
        machines: dict[str, Machine] = {}
        try:
            await _assemble(plan, switch, machines, folder or _temporary())
        except OSError as refused:
            _release(switch, machines)
            raise WireError(
                f"the kernel refused to build the wire: {refused}; `harness doctor` says why",
                refused.errno,
            ) from refused
        except BaseException:
            _release(switch, machines)
            raise
        taps = [
            TapPoint(name=s, namespace=switch, interface=s, loopback=False) for s in _segments(plan)
        ]
        taps += [
            TapPoint(
                name=f"{h.name}.lo",
                namespace=machines[h.name].namespace,
                interface="lo",
                loopback=True,
            )
            for h in plan.hosts
            if h.loopback_tap
        ]
        return cls(plan, switch, machines, tuple(taps))

    def host(self, name: str, address: Address | None = None) -> KernelHost:
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
        return KernelHost(machine, self._names, address)

    def set_name(self, name: str, *addresses: Address) -> None:
        """From now on a name has these addresses; none: it is unknown."""
        self._names[name.lower()] = addresses

    async def close(self) -> None:
        """Close all that is open and let the kernel take the wire down. Stop recorders first."""
        await asyncio.gather(*(m.close() for m in self._machines.values()))
        self._switch.close()


def _segments(plan: Plan) -> tuple[str, ...]:
    """Those with a host on them: a bridge without ports is down and shows nothing."""
    used = {a.segment for host in plan.hosts for a in host.attachments}
    return tuple(s for s in plan.segments if s in used)


def _raise_file_limit() -> None:
    """A fleet needs thousands of sockets; shells give 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _release(switch: Namespace, machines: dict[str, Machine]) -> None:
    for machine in machines.values():
        machine.namespace.close()
    switch.close()


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"certproxy-harness-{os.getpid()}"


async def _assemble(
    plan: Plan, switch: Namespace, machines: dict[str, Machine], folder: Path
) -> None:
    with switch.entered():
        _configure(HostPlan(name="switch", attachments=()))
    with Rtnetlink(switch) as ports:
        macs = {s: bytes((2, 1, 0, 0, 0, n)) for n, s in enumerate(_segments(plan), 1)}
        ports.apply(rtnetlink.bridge(s, mac) for s, mac in macs.items())
        bridges = {name: link.index for name, link in ports.links().items() if name in macs}
        for host in plan.hosts:
            addresses = tuple(dict.fromkeys(a for at in host.attachments for a in at.addresses))
            own = folder.with_name(f"{folder.name}.{host.name}")
            machine = Machine(host.name, Namespace.create(), addresses, own)
            machines[host.name] = machine
            with machine.namespace.entered():
                _configure(host)
        ports.apply(_veths(plan, machines, bridges))
        with ExitStack() as opened:
            netlinks = {"switch": ports}
            for name, interfaces in lay_out(plan).items():
                netlinks[name] = opened.enter_context(Rtnetlink(machines[name].namespace))
                _set_up_host(machines[name].namespace, netlinks[name], interfaces)
            await _ready(netlinks, tuple(macs))


def _veths(plan: Plan, machines: dict[str, Machine], bridges: dict[str, int]) -> list[Request]:
    requests: list[Request] = []
    for host in plan.hosts:
        for attachment in host.attachments:
            requests.append(
                rtnetlink.veth(
                    f"port{len(requests)}",
                    master=bridges[attachment.segment],
                    peer=attachment.segment,
                    peer_namespace=machines[host.name].namespace,
                    peer_mac=mac_of(attachment.addresses[0]),
                )
            )
    return requests


def _set_up_host(
    namespace: Namespace, netlink: Rtnetlink, interfaces: tuple[InterfacePlan, ...]
) -> None:
    with namespace.entered():
        for interface in ("lo", *(i.segment for i in interfaces)):
            offload.switch_off(interface)
    index_of = {name: link.index for name, link in netlink.links().items()}
    netlink.apply(_host_requests(index_of, interfaces))


async def _ready(netlinks: dict[str, Rtnetlink], bridges: tuple[str, ...]) -> None:
    """Poll until every end of every link forwards: a frame sent earlier is lost without a word."""
    deadline = time.monotonic_ns() + _READY_TIMEOUT_NS
    for where, netlink in netlinks.items():
        own = bridges if where == "switch" else ()
        while True:
            links = {n: link for n, link in netlink.links().items() if n != "lo"}
            if _is_ready(links, bridges=own):
                break
            if time.monotonic_ns() > deadline:
                waiting = ", ".join(n for n, link in links.items() if not link.up and n not in own)
                raise WireError(f"{where}: links not forwarding after 5 seconds: {waiting}")
            await asyncio.sleep(_POLL_SECONDS)
