"""Scene: a stored run as observations, and the edits that make another run of it that could have been recorded.

An edit keeps the account proven: a packet that goes is replaced by one that is no IP, and nothing is renumbered.
So only the checks can notice, never the count of packets.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from harness.checks.joining import join
from harness.checks.legs import Legs, find_legs, find_machines
from harness.decode.decode import decode
from harness.net.address import Address, Endpoint
from harness.site.canary import NETWORK
from harness.site.site import Site
from harness.trace.connection import Connection
from harness.trace.http import Exchange, Header, Request, Response
from harness.trace.journey import Front, Proxied
from harness.trace.packet import Flow, Packet
from harness.trace.tls import TlsSession
from harness.trace.trace import Trace

ARP = 0x0806


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One run."""

    name: str
    trace: Trace
    site: Site
    legs: Legs
    """Without the canary's machines."""
    call_backs: tuple[Connection, ...]
    """Connections from a node to a cert proxy's port (L5)."""
    effective: tuple[Connection, ...]
    """Connections from a balancer whose request led to a call-back (L4): what nobody acted on breaks no promise."""
    followed: tuple[Connection, ...]
    """Connections to the service behind a request that led to a call-back (L3, L7)."""
    journeys: tuple[Connection, ...]
    """Connections to a node's proxy port whose tunnel such a connection carries on (L2)."""

    def swap(self, old: Connection, new: Connection) -> Trace:
        """The trace with another connection in the place of one."""
        found = tuple(new if c is old else c for c in self.trace.connections)
        return replace(self.trace, connections=found)

    def readdress(
        self, old: Connection, *, client: Endpoint | None = None, server: Endpoint | None = None
    ) -> Trace:
        """The same connection between other endpoints, in all of its packets."""
        new = replace(old, client=client or old.client, server=server or old.server)
        ends = {old.client: new.client, old.server: new.server}
        own = set(old.packets)
        packets = tuple(
            _redirect(packet, ends) if packet.number in own else packet
            for packet in self.trace.packets
        )
        return replace(self.swap(old, new), packets=packets)

    def without(self, *gone: Connection) -> Trace:
        """The trace of a run in which these connections never were."""
        numbers = {number for connection in gone for number in connection.packets}
        return replace(
            self.trace,
            connections=tuple(c for c in self.trace.connections if c not in gone),
            packets=tuple(_blank(p) if p.number in numbers else p for p in self.trace.packets),
        )

    def with_request(
        self, connection: Connection, change: Callable[[Request], Request], *, index: int = 0
    ) -> Trace:
        """Another request in one exchange."""
        exchange = connection.exchanges[index]
        assert exchange.request is not None
        return self._with_exchange(
            connection, index, replace(exchange, request=change(exchange.request))
        )

    def with_response(
        self, connection: Connection, change: Callable[[Response], Response], *, index: int = 0
    ) -> Trace:
        """Another answer in one exchange."""
        exchange = connection.exchanges[index]
        assert exchange.response is not None
        return self._with_exchange(
            connection, index, replace(exchange, response=change(exchange.response))
        )

    def _with_exchange(self, connection: Connection, index: int, exchange: Exchange) -> Trace:
        exchanges = list(connection.exchanges)
        exchanges[index] = exchange
        return self.swap(connection, replace(connection, exchanges=tuple(exchanges)))

    def with_tls(self, connection: Connection, change: Callable[[TlsSession], TlsSession]) -> Trace:
        """Another TLS session on one connection."""
        assert connection.tls is not None
        return self.swap(connection, replace(connection, tls=change(connection.tls)))

    def stranger(self, random: Random) -> Address:
        """An address that nobody of the site has."""
        return self.site.nodes[next(iter(self.site.nodes))] + 1000 + random.randrange(5000)

    def other_node(self, address: Address) -> Address | None:
        """A node with another address; None: there is one node only."""
        return next((a for a in self.site.nodes.values() if a != address), None)


def _redirect(packet: Packet, ends: dict[Endpoint, Endpoint]) -> Packet:
    flow = packet.flow
    if flow is None:
        return packet
    source = ends.get(flow.source, flow.source)
    destination = ends.get(flow.destination, flow.destination)
    moved = Flow(
        src=source.address,
        dst=destination.address,
        protocol=flow.protocol,
        src_port=source.port,
        dst_port=destination.port,
    )
    return replace(packet, flow=moved)


def _blank(packet: Packet) -> Packet:
    return Packet(
        number=packet.number,
        time_ns=packet.time_ns,
        tap=packet.tap,
        size=packet.size,
        ether_type=ARP,
    )


def load_scene(path: Path) -> Scene:
    """A stored run.

    Raises:
        OSError: the file cannot be read.
        KeyError: the file holds no site.
    """
    return build_scene(path.stem, decode(io.BytesIO(path.read_bytes())))


def build_scene(name: str, trace: Trace) -> Scene:
    """The legs of a trace, the canary's left out."""
    site = Site.model_validate_json(trace.annotations["site/1"])
    machines = find_machines(trace, site)
    real = replace(
        trace,
        connections=tuple(c for c in trace.connections if c.client.address not in NETWORK),
    )
    legs = find_legs(real, machines)
    ports = machines.certificate_ports
    requests = [r for r in join(legs, machines).requests if r.call_backs]
    return Scene(
        name=name,
        trace=trace,
        site=site,
        legs=legs,
        call_backs=tuple(c for c in legs.opened if c.server.port in ports),
        effective=tuple(r.connection for r in requests if r.connection in legs.upstream),
        followed=tuple(r.front.connection for r in requests if isinstance(r.front, Front)),
        journeys=tuple(r.proxied.proxy for r in requests if isinstance(r.proxied, Proxied)),
    )


def with_header(
    request: Request, name: bytes, value: bytes | None, *, add: bool = False
) -> Request:
    """A request with one header set, added, or (None) gone."""
    kept = tuple(h for h in request.headers if add or h.name.lower() != name.lower())
    more = () if value is None else (Header(name=name, value=value),)
    return replace(request, headers=(*kept, *more))


def with_body(response: Response, body: bytes) -> Response:
    """An answer with another body."""
    return replace(
        response, body=body, body_size=len(body), body_sha256=hashlib.sha256(body).hexdigest()
    )
