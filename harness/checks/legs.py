"""The legs: which connection plays which part, by the site's addresses and ports.

A loopback address means the node on whose tap `NODE.lo` the packet was seen. Where the capture shows other addresses
or ports than the site's, the site's `seen_as` says what they stand for; reports show what the packets show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import MappingProxyType

from harness.net.address import Address, Endpoint
from harness.site.listener import Listener, parse_listener
from harness.site.site import SERVICE_PORT, BalancerMode, Site
from harness.trace.connection import Connection
from harness.trace.packet import Flow
from harness.trace.trace import Trace

LOOPBACK_SUFFIX = ".lo"
LOOPBACK: tuple[Address, ...] = (ip_address("127.0.0.1"), ip_address("::1"))


@dataclass(slots=True)
class _Place:
    """Between whom a connection is; texts are made when somebody asks for them."""

    connection: Connection
    client: Address
    server: Endpoint
    """In the site's own addresses and ports."""
    told_client: str = ""
    told_server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """Who is who: the site's machines by address."""

    site: Site
    nodes: Mapping[Address, str]
    balancers: Mapping[Address, str]
    names: Mapping[Address, tuple[str, ...]]
    """Host names of the capture."""
    firsts: Mapping[Address, Address] = field(default_factory=lambda: MappingProxyType({}))
    """Further addresses of nodes and balancers, each with the one that stands for its machine here."""
    seen: Mapping[Endpoint, Listener] = field(default_factory=lambda: MappingProxyType({}))
    """What endpoints of the capture stand for, where the site says it."""
    _places: dict[int, _Place] = field(default_factory=dict, compare=False, repr=False)
    """By number of the connection; every check asks for them."""

    @property
    def device_ports(self) -> tuple[int, ...]:
        """Ports that devices use; in a one-port set-up the admin port is theirs as well."""
        return self.site.proxy_ports or self.site.admin_ports

    @property
    def closed_ports(self) -> tuple[int, ...]:
        """Admin ports that nobody but a node may reach."""
        return tuple(p for p in self.site.admin_ports if p not in self.device_ports)

    @property
    def certificate_ports(self) -> tuple[int, ...]:
        """All ports of the cert proxy."""
        return tuple(p.port for p in self.site.cert_proxy.ports)

    def owner(self, tap: str, address: Address) -> Address:
        """The one address that stands for the machine: on `NODE.lo` a loopback address is the node's."""
        if tap.endswith(LOOPBACK_SUFFIX) and address.is_loopback:
            return self.site.nodes.get(tap.removesuffix(LOOPBACK_SUFFIX), address)
        return self.first(address)

    def first(self, address: Address) -> Address:
        """The first address of the machine that has this one."""
        return self.firsts.get(address, address) if self.firsts else address

    def client(self, connection: Connection) -> Address:
        """Who opened the connection."""
        return self._find_place(connection).client

    def peer(self, connection: Connection) -> Address:
        """The address from which it was opened, as settings name it: which one of its machine's matters there."""
        is_named = self._find_listener(connection.server) is not None
        is_loopback = connection.client.address.is_loopback
        return self.client(connection) if is_named or is_loopback else connection.client.address

    def server(self, connection: Connection) -> Address:
        """Who accepted it (or did not answer)."""
        return self._find_place(connection).server.address

    def port(self, connection: Connection) -> int:
        """The port that the connection leads to, as the site counts ports."""
        return self._find_place(connection).server.port

    def _find_place(self, connection: Connection) -> _Place:
        place = self._places.get(connection.number)
        if place is None or place.connection is not connection:
            place = _Place(
                connection,
                self._find_client(connection),
                self.role(connection.server, tap=connection.tap),
            )
            self._places[connection.number] = place
        return place

    def _find_client(self, connection: Connection) -> Address:
        listener = self._find_listener(connection.server)
        if listener is not None and listener.client is not None:
            return self._address(listener.client)
        return self.owner(connection.tap, connection.client.address)

    def role(self, endpoint: Endpoint, *, tap: str = "") -> Endpoint:
        """The machine's first address and the site's port for an endpoint of the capture."""
        stated = self.stated(endpoint)
        owner = self.owner(tap, stated.address)
        return stated if owner is stated.address else Endpoint(owner, stated.port)

    def stated(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as settings name it: loopback and further addresses are what they are."""
        listener = self._find_listener(endpoint)
        if listener is not None:
            return Endpoint(self._address(listener.machine), listener.port)
        return endpoint

    def _find_listener(self, endpoint: Endpoint) -> Listener | None:
        # Most sites have none, and this is asked for every packet.
        return self.seen.get(endpoint) if self.seen else None

    def _address(self, machine: str) -> Address:
        balancer = self.site.balancers.get(machine)
        return balancer.address if balancer is not None else self.site.nodes[machine]

    def is_sender_node(self, tap: str, flow: Flow) -> bool:
        """Whether a node sends the packets of this flow."""
        listener = self._find_listener(flow.destination)
        if listener is not None and listener.client is not None:
            return self._address(listener.client) in self.nodes
        sender = self.role(flow.source, tap=tap).address
        # Behind an address that nodes share stands one of them, whichever it is.
        return sender in self.nodes or sender in self.site.translated.values()

    def balancer_mode(self, server: Endpoint) -> BalancerMode | None:
        """What a balancer does with this port; None: not a balancer, or not a port it serves."""
        server = self.role(server)
        name = self.balancers.get(server.address)
        if name is None:
            return None
        balancer = self.site.balancers[name]
        if server.port == SERVICE_PORT:
            return balancer.service
        return balancer.proxy if server.port in self.device_ports else None

    def tell(self, endpoint: Endpoint, *, tap: str = "") -> str:
        """`node1 10.20.1.1:443`; the bare endpoint where nobody knows its name."""
        listener = self._find_listener(endpoint)
        name = listener.machine if listener else self.name(self.owner(tap, endpoint.address))
        return f"{name} {endpoint}" if name else str(endpoint)

    def tell_client(self, connection: Connection) -> str:
        """Who opened the connection, and from which port."""
        place = self._find_place(connection)
        place.told_client = place.told_client or self._tell_client(connection)
        return place.told_client

    def tell_server(self, connection: Connection) -> str:
        """Where the connection leads."""
        place = self._find_place(connection)
        place.told_server = place.told_server or self.tell(connection.server, tap=connection.tap)
        return place.told_server

    def _tell_client(self, connection: Connection) -> str:
        listener = self._find_listener(connection.server)
        if listener is not None and listener.client is not None:
            return f"{listener.client} {connection.client}"
        return self.tell(connection.client, tap=connection.tap)

    def name(self, address: Address) -> str:
        """The host's name, or ""."""
        if self.names.get(address):
            return self.names[address][0]
        first = self.first(address)
        return self.nodes.get(first) or self.balancers.get(first) or ""

    def tell_address(self, address: Address) -> str:
        """`node1 10.20.1.1`; the bare address where nobody knows its name."""
        return f"{self.name(address)} {address}".lstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """The connections of the trace by their part; a connection may have several or none."""

    outer: tuple[Connection, ...]
    """L1: to a balancer's proxy port."""
    proxy: tuple[Connection, ...]
    """L2: to a node's proxy port, from whomever."""
    fronts: tuple[Connection, ...]
    """L3 or L7: to the service port of a balancer, or of a node and not from a balancer."""
    service: tuple[Connection, ...]
    """To a node's service port, from whomever."""
    upstream: tuple[Connection, ...]
    """L4: from a balancer to a node's service port."""
    relayed: tuple[Connection, ...]
    """From a balancer to a node's proxy port (the part of L2 behind a balancer)."""
    between: tuple[Connection, ...]
    """From a balancer to the next one."""
    admin: tuple[Connection, ...]
    """To a node's admin port that devices do not use, from whomever."""
    opened: tuple[Connection, ...]
    """Opened by a node, wherever to."""


def find_concerned(site: Site) -> tuple[frozenset[Address], frozenset[Endpoint]]:
    """Addresses of which every connection, and endpoints of which any can be a leg or is judged as a node's.

    Raises:
        ValueError: a line of `seen_as` that cannot be read.
    """
    machines = find_machines(Trace(), site)
    ports = {*machines.device_ports, *machines.closed_ports, SERVICE_PORT}
    nodes = {address for name in site.nodes for address in site.addresses(name)}
    nodes |= set(site.translated.values())
    balancers = {address for name in site.balancers for address in site.addresses(name)}
    at_balancers = {Endpoint(address, port) for address in balancers for port in ports}
    if len(site.balancers) > 1:
        nodes |= balancers  # What passes between them is a leg on any port.
    # On the tap `NODE.lo` a loopback address is the node's.
    return frozenset(nodes | set(LOOPBACK)), frozenset(at_balancers | set(machines.seen))


def find_machines(trace: Trace, site: Site) -> Machines:
    """The site's machines, with the names the capture gives to hosts.

    Raises:
        ValueError: a line of `seen_as` that cannot be read.
    """
    return Machines(
        site=site,
        nodes={address: name for name, address in site.nodes.items()},
        balancers={balancer.address: name for name, balancer in site.balancers.items()},
        names=trace.host_names,
        firsts=MappingProxyType(
            {
                further: site.addresses(name)[0]
                for name in (*site.nodes, *site.balancers)
                for further in site.aliases(name)[1:]
            }
        ),
        seen=MappingProxyType(
            {
                listener.seen: listener
                for listener in (parse_listener(*line) for line in site.seen_as.items())
            }
        ),
    )


def find_legs(trace: Trace, machines: Machines) -> Legs:
    """Sort the connections by client, server and port."""
    parts: dict[str, list[Connection]] = {name: [] for name in Legs.__dataclass_fields__}
    for connection in trace.connections:
        for name in _parts(connection, machines):
            parts[name].append(connection)
    return Legs(**{name: tuple(connections) for name, connections in parts.items()})


def _parts(connection: Connection, machines: Machines) -> tuple[str, ...]:
    client, server = machines.client(connection), machines.server(connection)
    port = machines.port(connection)
    is_from_balancer = client in machines.balancers
    parts: list[str] = []
    if server in machines.balancers:
        if is_from_balancer:
            parts.append("between")
        if port in machines.device_ports:
            parts.append("outer")
        if port == SERVICE_PORT:
            parts.append("fronts")
    if server in machines.nodes:
        if port in machines.device_ports:
            parts += ["proxy", "relayed"] if is_from_balancer else ["proxy"]
        if port in machines.closed_ports:
            parts.append("admin")
        if port == SERVICE_PORT:
            parts += ["service", "upstream" if is_from_balancer else "fronts"]
    if client in machines.nodes:
        parts.append("opened")
    return tuple(parts)
