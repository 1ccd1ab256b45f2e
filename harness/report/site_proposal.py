"""The proposal: which machine plays which part, as far as a trace shows it, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from harness.net.address import Address, Endpoint
from harness.net.forwarding import parse_forwarded_for
from harness.report.call_back_shape import find_further_headers, find_shape
from harness.report.node_services import NodeService, find_services
from harness.report.site_evidence import Evidence, Hop, Listener, find_evidence
from harness.report.text import fold_numbers
from harness.site.contract import CallBackForm
from harness.site.machine_address import address_problem
from harness.site.site import SERVICE_PORT
from harness.trace.packet import PacketNumber
from harness.trace.trace import Trace

PROXY_PORT, ADMIN_PORT = 5262, 5263
"""The vendor's own; a listener there is taken for what it usually is."""
FQDN = "access.example.com"
"""Stands where no name was seen."""

_STAND_INS = ip_address("198.51.100.0")
"""RFC 5737 TEST-NET-2: nobody's."""
_INVENTED = 200
"""The stand-in of a node that was not seen."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A reason, and the packets that show it."""

    text: str
    packets: tuple[PacketNumber, ...] = ()


@dataclass(slots=True, kw_only=True)
class Machine:
    """A node or a balancer of the proposal."""

    name: str
    address: Address
    """As the site has it: a stand-in where several machines share one in the capture."""
    why: list[Why] = field(default_factory=list)
    modes: dict[str, str] = field(default_factory=dict)
    """Balancers: `5262` and `443` to `passthrough` or `terminate`."""


@dataclass(slots=True, kw_only=True)
class Proposal:
    """A site as the capture shows it; grows while it is made."""

    fqdn: str = FQDN
    nodes: list[Machine] = field(default_factory=list)
    balancers: list[Machine] = field(default_factory=list)
    proxy_ports: dict[int, Why] = field(default_factory=dict)
    admin_ports: dict[int, Why] = field(default_factory=dict)
    destination: tuple[bool, str, Why] = (True, FQDN, Why(text="no connection of a node was seen"))
    """Forced or not, the setting, the reason."""
    hops_to_node: int = 0
    """Balancers that end TLS, one behind the other."""
    accepts: tuple[Address, ...] = ()
    has_requests: bool = False
    """A request that a balancer passed on could be read."""
    remote_port: tuple[str, Why] | None = None
    """Header and reason; None: no header held the port."""
    forwarded_for: tuple[str, Why] | None = None
    call_back: CallBackForm = field(default_factory=CallBackForm)
    call_back_why: Why | None = None
    call_back_headers: tuple[str, ...] = ()
    """Names of the header fields that only this kind of request had: one of them may hold the proof."""
    services: tuple[NodeService, ...] = ()
    """What nodes ask of others besides."""
    seen_as: dict[str, str] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)


def propose(trace: Trace) -> Proposal:
    """What a trace says about the site that it was recorded in."""
    return _Proposer(trace).propose()


class _Proposer:
    """Goes from the sure to the guessed."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._evidence: Evidence = find_evidence(trace)
        self._is_shared = any(
            hop.before.server.address == hop.after.server.address and hop.way in ("passed", "ended")
            for hop in self._evidence.hops
        )
        self._by_key: dict[object, Machine] = {}
        self._out = Proposal()
        self._is_named = False

    def propose(self) -> Proposal:
        onward = [hop for hop in self._evidence.hops if hop.way != "tunnelled"]
        passing = {hop.before.server for hop in onward if not self._is_from_proxy(hop)}
        self._find_nodes(passing)
        self._find_balancers([h for h in onward if h.before.server in passing])
        self._find_admin_ports()
        self._find_destination()
        if not self._is_shared:
            addresses = {node.address for node in self._out.nodes}
            self._out.services = find_services(self._trace.packets, addresses)
        self._find_headers(onward)
        self._find_call_back()
        self._find_fqdn()
        self._complete()
        return self._out

    def _is_from_proxy(self, hop: Hop) -> bool:
        """Whether a cert proxy's own connection was taken for a balancer's (it opens one while it is asked)."""
        if hop.way != "perhaps ended":
            return False
        listener = self._listener(hop.before.server)
        return listener.is_proxy or listener.endpoint.port == PROXY_PORT

    def _listener(self, endpoint: Endpoint) -> Listener:
        return next(li for li in self._evidence.listeners if li.endpoint == endpoint)

    def _machine(self, endpoint: Endpoint, table: list[Machine], kind: str, why: Why) -> Machine:
        key: object = endpoint if self._is_shared else endpoint.address
        machine = self._by_key.get(key)
        if machine is None:
            address = endpoint.address
            if self._is_shared or address_problem((), address, is_built=False):
                address = _STAND_INS + (len(self._by_key) + 1)
            names = self._trace.host_names.get(endpoint.address, ()) if not self._is_shared else ()
            known = {m.name for m in self._by_key.values()}
            name = next((n for n in names if _NAME.fullmatch(n) and n not in known), None)
            machine = Machine(name=name or f"{kind}{len(table) + 1}", address=address)
            self._by_key[key] = machine
            table.append(machine)
        machine.why.append(why)
        return machine

    def _find_nodes(self, passing: set[Endpoint]) -> None:
        """Where certificates are asked for, CONNECT is answered, or balancers lead, and nothing goes on from there."""
        targets = {
            hop.after.server: hop
            for hop in self._evidence.hops
            if hop.before.server in passing and hop.way != "tunnelled"
        }
        for listener in self._evidence.listeners:
            endpoint = listener.endpoint
            if endpoint in passing or (endpoint.address.is_loopback and not self._is_shared):
                continue
            if listener.plain_connects and not listener.connects:
                numbers = fold_numbers(tuple(listener.plain_connects[:3]))
                self._out.unseen.append(
                    f"no TLS on {endpoint}, which is asked for CONNECT (packets {numbers}): another proxy"
                )
            shown = (*listener.connects[:1], *listener.certificate_requests[:1])
            if listener.is_proxy and endpoint.port != SERVICE_PORT and not self._is_shared:
                what = "answers CONNECT" if listener.connects else "asks for client certificates"
                why = Why(text=f"{what} on port {endpoint.port}", packets=shown)
            elif endpoint.port == PROXY_PORT:
                first = listener.connections[0].packets[:1]
                why = Why(text=f"listens on port {PROXY_PORT}", packets=first)
            elif endpoint in targets:
                hop = targets[endpoint]
                why = Why(
                    text=f"is where {hop.before.server} passes on to, port {endpoint.port}",
                    packets=hop.packets,
                )
                self._see(endpoint, self._machine(endpoint, self._out.nodes, "node", why), hop)
                continue
            else:
                continue
            machine = self._machine(endpoint, self._out.nodes, "node", why)
            if machine.address != endpoint.address and not self._is_shared:
                self._out.seen_as[str(endpoint)] = f"{machine.name}:{endpoint.port}"
            if endpoint.port != ADMIN_PORT:
                self._out.proxy_ports.setdefault(endpoint.port, why)

    def _see(self, endpoint: Endpoint, machine: Machine, hop: Hop | None) -> None:
        """Say what an endpoint stands for, where its address or port is not the site's."""
        is_service = self._is_service(endpoint)
        port = SERVICE_PORT if is_service else endpoint.port
        if machine.address == endpoint.address and port == endpoint.port:
            return
        sender = (
            self._by_key.get(hop.before.server) if hop is not None and self._is_shared else None
        )
        shown = f" from {sender.name}" if sender is not None else ""
        self._out.seen_as[str(endpoint)] = f"{machine.name}:{port}{shown}"

    def _is_service(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint serves what devices want: not a proxy port, and not the admin port."""
        listener = self._listener(endpoint)
        if endpoint.port in (PROXY_PORT, ADMIN_PORT) or listener.connects:
            return False
        return endpoint not in {
            h.before.server for h in self._evidence.hops if h.way == "tunnelled"
        }

    def _find_balancers(self, hops: list[Hop]) -> None:
        for hop in hops:
            endpoint = hop.before.server
            ended = hop.way != "passed"
            key = "443" if self._is_service(endpoint) else "5262"
            found = self._by_key.get(endpoint if self._is_shared else endpoint.address)
            if found is not None and key in found.modes:
                continue
            if found is not None and found in self._out.nodes:
                self._out.unseen.append(
                    f"{endpoint} passes on to {hop.after.server} but belongs to {found.name}: one machine of two parts?"
                )
                continue
            told = {
                "passed": f"port {endpoint.port}: the same ClientHello.random goes on to {hop.after.server}",
                "ended": f"port {endpoint.port}: the same request goes on to {hop.after.server}, on other TLS",
            }.get(
                hop.way,
                f"port {endpoint.port}: connects to {hop.after.server} by itself while it is asked (a guess)",
            )
            why = Why(text=told, packets=hop.packets)
            machine = self._machine(endpoint, self._out.balancers, "balancer", why)
            machine.modes[key] = "terminate" if ended else "passthrough"
            self._see(endpoint, machine, None)
        for hop in hops:  # Again, now that all machines have their names.
            if (
                machine_after := self._by_key.get(hop.after.server)
            ) is not None and self._is_shared:
                self._see(hop.after.server, machine_after, hop)
        self._out.hops_to_node = self._longest([h for h in hops if h.way != "passed"])
        nodes = {id(node) for node in self._out.nodes}
        self._out.accepts = tuple(
            dict.fromkeys(
                sender.address
                for hop in hops
                if hop.way != "passed"
                and (sender := self._at(hop.before.server)) is not None
                and (receiver := self._at(hop.after.server)) is not None
                and id(receiver) in nodes
            )
        )

    def _at(self, endpoint: Endpoint) -> Machine | None:
        return self._by_key.get(endpoint if self._is_shared else endpoint.address)

    @staticmethod
    def _longest(hops: list[Hop]) -> int:
        """How many ended connections stand one behind the other at most."""
        depth: dict[int, int] = {}
        for hop in sorted(hops, key=lambda h: h.before.opened_ns):
            depth[hop.after.number] = max(
                depth.get(hop.after.number, 0), depth.get(hop.before.number, 0) + 1
            )
        return max(depth.values(), default=0)

    def _find_admin_ports(self) -> None:
        addresses = {node.address for node in self._out.nodes}
        for listener in self._evidence.listeners:
            endpoint = listener.endpoint
            if endpoint.address not in addresses or endpoint.port in (
                *self._out.proxy_ports,
                SERVICE_PORT,
            ):
                continue
            first = listener.connections[0].packets[:1]
            if any(client in addresses for client in listener.clients):
                text = f"nodes connect to each other on port {endpoint.port}"
            elif endpoint.port == ADMIN_PORT:
                text = f"a node listens on port {ADMIN_PORT}"
            else:
                continue
            self._out.admin_ports.setdefault(endpoint.port, Why(text=text, packets=first))

    def _find_destination(self) -> None:
        addresses = {node.address for node in self._out.nodes}
        nodes = {id(node) for node in self._out.nodes}
        opened = [
            hop.after
            for hop in self._evidence.hops
            if hop.way == "tunnelled" and id(self._at(hop.before.server)) in nodes
        ]
        opened = opened or [
            c
            for c in self._trace.connections
            if c.client.address in addresses and c.server.port == SERVICE_PORT and c.syn
        ]
        if not opened:
            return
        machines = {c.server: self._at(c.server) for c in opened}
        servers = tuple(
            dict.fromkeys(
                server.address if machine is None or self._is_shared else machine.address
                for server, machine in machines.items()
            )
        )
        why = Why(
            text="nodes connect to " + ", ".join(str(s) for s in servers),
            packets=tuple(c.packets[0] for c in opened[:3]),
        )
        if all(server.is_loopback for server in servers):
            self._out.destination = (True, "localhost", why)
        elif len(servers) == 1:
            self._out.destination = (True, str(servers[0]), why)
        else:
            self._out.destination = (False, "; ".join(str(s) for s in servers), why)

    def _find_headers(self, hops: Iterable[Hop]) -> None:
        for hop in hops:
            if hop.request is None:
                continue
            self._out.has_requests = True
            port = str(hop.before.client.port).encode()
            for header in hop.request.headers:
                name = header.name.decode("latin-1")
                why = Why(text="holds what the connection before came from", packets=hop.packets)
                if header.value == port and self._out.remote_port is None:
                    self._out.remote_port = (name, why)
                elif self._out.forwarded_for is None and _names(
                    header.value, hop.before.client.address
                ):
                    self._out.forwarded_for = (name, why)

    def _find_call_back(self) -> None:
        addresses = {node.address for node in self._out.nodes}
        ports = {c.client.port for c in self._trace.connections if c.client.address in addresses}
        for connection in self._trace.connections:
            if connection.server.port not in self._out.admin_ports:
                continue
            for exchange in connection.exchanges:
                form = find_shape(exchange, ports)
                if form is not None and exchange.request is not None:
                    told = exchange.request.target[:80].decode("latin-1")
                    self._out.call_back = form
                    self._out.call_back_headers = find_further_headers(exchange.request, form)
                    self._out.call_back_why = Why(
                        text=f"a node asked for {told!r}", packets=exchange.request.packets[:1]
                    )
                    return

    def _find_fqdn(self) -> None:
        connections = [c for listener in self._evidence.listeners for c in listener.connections]
        inner = (c.tunnel.tls.sni for c in connections if c.tunnel and c.tunnel.tls)
        outer = (c.tls.sni for c in connections if c.tls)
        names = [name.lower() for name in (*inner, *outer) if name]
        named = next((n for n in names if _HOST.fullmatch(n)), None)
        self._out.fqdn, self._is_named = named or FQDN, named is not None

    def _complete(self) -> None:
        """What must be in a site and was not seen."""
        out = self._out
        if not out.nodes:
            out.unseen.append(
                "no node: nothing listens as a cert proxy or behind a balancer; node1 is invented"
            )
            out.nodes.append(Machine(name="node1", address=_STAND_INS + _INVENTED))
        if not out.proxy_ports:
            out.unseen.append(f"no proxy port: {PROXY_PORT} is the vendor's")
            out.proxy_ports[PROXY_PORT] = Why(text="not seen; the vendor's default")
        if not out.admin_ports:
            out.unseen.append(f"no call-back between nodes: {ADMIN_PORT} is the vendor's")
            out.admin_ports[ADMIN_PORT] = Why(text="not seen; the vendor's default")
        if not self._is_named:
            out.unseen.append("no host name in any ClientHello: fqdn is invented")
        closed = [c for c in self._evidence.unread if c.tls is not None and c.tls.decrypted == "no"]
        if closed:
            count = f"{len(closed)} TLS connection{'s' if len(closed) > 1 else ''}"
            out.unseen.append(
                f"the content of {count}: give --keylog or --rsa-key to see requests and headers"
            )


def _names(value: bytes, address: Address) -> bool:
    """Whether a list of addresses ends in this one."""
    try:
        return parse_forwarded_for((value,))[-1] == address
    except ValueError:
        return False
