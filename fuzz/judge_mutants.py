"""Mutants: what is changed in a stored run to see whether the judge notices, by kind.

`check`: the implemented check whose promise the change breaks; "" for changes that break none of the present promises
(they may survive, and are listed); HARMLESS for changes that must not be noticed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from fuzz.scene import Scene, with_body, with_header
from harness.net.address import Endpoint
from harness.site.canary import NETWORK
from harness.trace.connection import Connection, Gap
from harness.trace.http import Header, Request
from harness.trace.packet import Flow
from harness.trace.trace import Damage, Trace

HARMLESS = "harmless"
PORT, FORWARDED = b"RemotePort", b"X-Forwarded-For"
SYN, ACK = 0x02, 0x10

Make = Callable[[Scene, Random], Trace | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of change."""

    name: str
    check: str
    make: Make
    """None: the run has nothing to change so."""


def _balanced(scene: Scene, random: Random) -> Connection | None:
    """A request of a balancer with the port header (L4)."""
    if not scene.site.cert_proxy.allow_remote_port_header:
        return None
    found = [c for c in scene.effective if _first(c).values("RemotePort")]
    return random.choice(found) if found else None


def _first(connection: Connection) -> Request:
    request = connection.exchanges[0].request if connection.exchanges else None
    assert request is not None
    return request


def _on_balanced(change: Callable[[Request, Scene, Random], Request | None]) -> Make:
    def make(scene: Scene, random: Random) -> Trace | None:
        found = _balanced(scene, random)
        if found is None:
            return None
        changed = change(_first(found), scene, random)
        return None if changed is None else scene.with_request(found, lambda _: changed)

    return make


def _set(name: bytes, give: Callable[[bytes, Random], bytes]) -> Make:
    def change(request: Request, scene: Scene, random: Random) -> Request | None:
        del scene
        values = request.values(name.decode())
        return with_header(request, name, give(values[0], random)) if values else None

    return _on_balanced(change)


def _another_port(value: bytes, random: Random) -> bytes:
    port = random.randrange(1, 65536)
    return str(port if port != int(value) else port % 65535 + 1).encode()


def _spoilt(value: bytes, random: Random) -> bytes:
    ways = (
        b"0" + value,
        b"+" + value,
        value + b", " + value,
        b"",
        b"0x" + value,
        value + b".0",
        b"70000",
    )
    return random.choice(ways)


def _another_element(request: Request, scene: Scene, random: Random) -> Request | None:
    values = request.values("X-Forwarded-For")
    if not values:
        return None
    named = {element.strip() for value in values for element in value.split(b",")}
    choices = [str(a).encode() for a in (*scene.site.nodes.values(), scene.stranger(random))]
    other = random.choice([c for c in choices if c not in named])
    return with_header(request, FORWARDED, b", ".join((*values[:-1], other)))


def _find(scene: Scene, name: str) -> tuple[Connection, ...]:
    """Connections by their part in the run."""
    own: tuple[Connection, ...] | None = getattr(scene, name, None)
    found: tuple[Connection, ...] = own if own is not None else getattr(scene.legs, name)
    return found


def _leg(name: str) -> Callable[[Scene, Random], Connection | None]:
    def pick(scene: Scene, random: Random) -> Connection | None:
        usable = [c for c in _find(scene, name) if c.exchanges and c.exchanges[0].response]
        return random.choice(usable) if usable else None

    return pick


def _on(leg: str, make: Callable[[Scene, Connection, Random], Trace | None]) -> Make:
    pick = _leg(leg)

    def whole(scene: Scene, random: Random) -> Trace | None:
        found = pick(scene, random)
        return None if found is None else make(scene, found, random)

    return whole


def _journey_tls(scene: Scene, random: Random) -> Connection | None:
    found = [c for c in scene.journeys if c.tls is not None]
    return random.choice(found) if found else None


# Call-backs


def _other_certificate(scene: Scene, c: Connection, random: Random) -> Trace:
    chains = [
        x.tls.server_certificates
        for x in scene.trace.connections
        if x.tls and x.tls.server_certificates
    ]
    der = random.choice(random.choice(chains)).der
    body = base64.encodebytes(der)
    pem = b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
    return scene.with_response(c, lambda r: with_body(r, pem))


def _flipped_certificate(scene: Scene, c: Connection, random: Random) -> Trace | None:
    def change_byte(body: bytes) -> bytes:
        match = re.search(rb"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)", body)
        assert match is not None
        der = bytearray(base64.b64decode(match[1]))
        der[random.randrange(len(der))] ^= 1 << random.randrange(8)
        return body[: match.start(1)] + base64.encodebytes(bytes(der)) + body[match.end(1) :]

    return scene.with_response(c, lambda r: with_body(r, change_byte(r.body)))


def _other_key(scene: Scene, c: Connection, random: Random) -> Trace:
    port = random.randrange(1, 65536)
    return scene.with_request(c, lambda r: replace(r, target=b"/certificate/%d" % port))


def _to_other_node(scene: Scene, c: Connection, random: Random) -> Trace | None:
    others = [a for a in scene.site.nodes.values() if a not in (c.client.address, c.server.address)]
    # On a node's own loopback tap another node cannot be asked.
    if not others or c.tap.endswith(".lo"):
        return None
    return scene.readdress(c, server=Endpoint(random.choice(others), c.server.port))


def _from_other_node(scene: Scene, c: Connection, random: Random) -> Trace | None:
    del random
    others = [a for a in scene.site.nodes.values() if a not in (c.client.address, c.server.address)]
    if not others or c.tap.endswith(".lo"):
        return None
    return scene.readdress(c, client=Endpoint(others[0], c.client.port))


def _later(scene: Scene, c: Connection, random: Random) -> Trace:
    shift = 10_000_000_000 + random.randrange(1_000_000_000)
    exchange = c.exchanges[0]
    assert exchange.request is not None
    assert exchange.response is not None
    moved = replace(
        exchange,
        request=replace(
            exchange.request,
            first_ns=exchange.request.first_ns + shift,
            last_ns=exchange.request.last_ns + shift,
        ),
        response=replace(
            exchange.response,
            first_ns=exchange.response.first_ns + shift,
            last_ns=exchange.response.last_ns + shift,
        ),
    )
    late = replace(c, opened_ns=c.opened_ns + shift, closed_ns=c.closed_ns + shift)
    return scene.swap(c, replace(late, exchanges=(moved,)))


def _status(code: int) -> Callable[[Scene, Connection, Random], Trace]:
    return lambda scene, c, _: scene.with_response(c, lambda r: replace(r, status=code))


# Answers


def _other_user_everywhere(scene: Scene, random: Random) -> Trace | None:
    """The service signs in somebody else: every copy of its answer says so."""
    name = f"mallory{random.randrange(1000)}@example.com".encode()
    trace, is_changed = scene.trace, False
    for index, connection in enumerate(scene.trace.connections):
        exchanges = tuple(
            replace(
                e,
                response=with_body(
                    e.response, re.sub(rb'("user": ?")[^"]*', rb"\1" + name, e.response.body)
                ),
            )
            if e.response is not None and b'"user"' in e.response.body
            else e
            for e in connection.exchanges
        )
        if exchanges != connection.exchanges:
            is_changed = True
            found = list(trace.connections)
            found[index] = replace(connection, exchanges=exchanges)
            trace = replace(trace, connections=tuple(found))
    return trace if is_changed else None


# TLS


def _on_journey(make: Callable[[Scene, Connection, Random], Trace | None]) -> Make:
    def whole(scene: Scene, random: Random) -> Trace | None:
        found = _journey_tls(scene, random)
        return None if found is None else make(scene, found, random)

    return whole


def _everywhere(scene: Scene, c: Connection, change: Callable[[Connection], Connection]) -> Trace:
    """The same edit on L1 and L2, which carry the same bytes."""
    assert c.tls is not None
    own = c.tls.client_random
    found = tuple(
        change(x) if x.tls is not None and x.tls.client_random == own else x
        for x in scene.trace.connections
    )
    return replace(scene.trace, connections=found)


def _other_client(scene: Scene, c: Connection, random: Random) -> Trace | None:
    certificates = [
        x
        for other in scene.trace.connections
        if other.tls is not None
        for x in (*other.tls.server_certificates[:1], *other.tls.client_certificates[:1])
        if c.tls is not None and x not in c.tls.client_certificates
    ]
    if not certificates:
        return None
    shown = (random.choice(certificates),)
    return _everywhere(
        scene,
        c,
        lambda x: replace(x, tls=replace(x.tls, client_certificates=shown)) if x.tls else x,
    )


def _no_client(scene: Scene, c: Connection, random: Random) -> Trace:
    del random
    return _everywhere(
        scene,
        c,
        lambda x: (
            replace(
                x,
                tls=replace(x.tls, client_certificates=(), certificate_verify=None, resumed=False),
            )
            if x.tls
            else x
        ),
    )


def _no_verify(scene: Scene, c: Connection, random: Random) -> Trace:
    del random
    return _everywhere(
        scene,
        c,
        lambda x: (
            replace(x, tls=replace(x.tls, certificate_verify=None, resumed=False)) if x.tls else x
        ),
    )


def _other_random(leg: str) -> Make:
    def make(scene: Scene, random: Random) -> Trace | None:
        found = [c for c in getattr(scene.legs, leg) if c.tls is not None and c.tunnel is not None]
        if not found:
            return None
        value = random.randbytes(32)
        return scene.with_tls(random.choice(found), lambda t: replace(t, client_random=value))

    return make


def _other_inner_random(scene: Scene, c: Connection, random: Random) -> Trace | None:
    tunnel = c.tunnel
    if tunnel is None or tunnel.tls is None:
        return None
    inner = replace(tunnel.tls, client_random=random.randbytes(32))
    return scene.swap(c, replace(c, tunnel=replace(tunnel, tls=inner)))


def _other_server_leaf(scene: Scene, random: Random) -> Trace | None:
    """The balancer shows devices another certificate than the node behind it."""
    outer = [c for c in scene.legs.outer if c.tls is not None and c.tls.server_certificates]
    if not outer:
        return None
    c = random.choice(outer)
    assert c.tls is not None
    own = c.tls.server_certificates[0]
    others = [
        x.tls.server_certificates
        for x in scene.trace.connections
        if x.tls is not None and x.tls.server_certificates and x.tls.server_certificates[0] != own
    ]
    chain = random.choice(others)
    return scene.with_tls(c, lambda t: replace(t, server_certificates=chain))


def _closed_content(scene: Scene, c: Connection, random: Random) -> Trace:
    """Not a record could be opened: then nothing inside may be believed absent."""
    del random
    bare = replace(c, exchanges=(), tunnel=None)
    assert bare.tls is not None
    shut = replace(bare.tls, decrypted="no", undecrypted="no secret for this client random")
    return scene.swap(c, replace(bare, tls=shut))


# Addresses and packets


def _elsewhere(leg: str, *, keep: str) -> Make:
    def make(scene: Scene, random: Random) -> Trace | None:
        found = [
            c
            for c in getattr(scene.legs, leg)
            if not c.server.address.is_loopback and c.client.address in scene.site.nodes.values()
        ]
        if not found:
            return None
        c = random.choice(found)
        address = scene.stranger(random) if keep == "port" else c.server.address
        port = c.server.port if keep == "port" else random.randrange(6000, 65000)
        return scene.readdress(c, server=Endpoint(address, port))

    return make


def _front_from_other_node(scene: Scene, c: Connection, random: Random) -> Trace | None:
    del random
    other = scene.other_node(c.client.address)
    if other is None or c.tap.endswith(".lo") or c.client.address not in scene.site.nodes.values():
        return None
    return scene.readdress(c, client=Endpoint(other, c.client.port))


def _front_other_port(scene: Scene, c: Connection, random: Random) -> Trace | None:
    if not scene.effective or c.client.address not in scene.site.nodes.values():
        return None
    return scene.readdress(c, client=Endpoint(c.client.address, random.randrange(1024, 30000)))


def _upstream_from_stranger(scene: Scene, c: Connection, random: Random) -> Trace:
    return scene.readdress(c, client=Endpoint(scene.stranger(random), c.client.port))


def _proxy_at_other_node(scene: Scene, c: Connection, random: Random) -> Trace | None:
    del random
    other = scene.other_node(c.server.address)
    return None if other is None else scene.readdress(c, server=Endpoint(other, c.server.port))


def _node_talks(protocol: int) -> Make:
    """A bare acknowledgment among the canary's machines becomes a packet that a node sends to a stranger."""

    def make(scene: Scene, random: Random) -> Trace | None:
        places = [
            p
            for p in scene.trace.packets
            if p.flow is not None
            and p.flow.src in NETWORK
            and p.tcp_flags == ACK
            and not p.payload_size
        ]
        if not places:
            return None
        place = random.choice(places)
        has_ports = protocol in (6, 17)
        flow = Flow(
            src=random.choice(list(scene.site.nodes.values())),
            dst=scene.stranger(random),
            protocol=protocol,
            src_port=40000 if has_ports else 0,
            dst_port=random.choice((53, 80, 443, 8443)) if has_ports else 0,
        )
        packets = list(scene.trace.packets)
        packets[place.number - 1] = replace(
            place,
            flow=flow,
            tcp_flags=SYN if protocol == 6 else None,
            icmp_type=8 if protocol == 1 else None,
        )
        return replace(scene.trace, packets=tuple(packets))

    return make


def _admin_from(who: str) -> Make:
    def make(scene: Scene, random: Random) -> Trace | None:
        found = [c for c in scene.legs.admin if not c.tap.endswith(".lo") and c.syn_ack]
        if not found:
            return None
        c = random.choice(found)
        if who == "balancer":
            if not scene.site.balancers:
                return None
            address = next(iter(scene.site.balancers.values())).address
        else:
            address = scene.stranger(random)
        return scene.readdress(c, client=Endpoint(address, c.client.port))

    return make


def _call_back_on_proxy_port(scene: Scene, c: Connection, random: Random) -> Trace | None:
    ports = [p for p in scene.site.proxy_ports if p not in scene.site.admin_ports]
    if not ports or not scene.site.admin_ports:
        return None
    return scene.readdress(c, server=Endpoint(c.server.address, random.choice(ports)))


# The account


def _tap(change: str) -> Make:
    def make(scene: Scene, random: Random) -> Trace | None:
        index = random.randrange(len(scene.trace.taps))
        tap = scene.trace.taps[index]
        changed = {
            "dropped": lambda: replace(tap, dropped=(tap.dropped or 0) + 1),
            "frozen": lambda: replace(tap, freezes=(tap.freezes or 0) + 1),
            "more received": lambda: replace(tap, received=(tap.received or 0) + 1),
            "uncounted": lambda: replace(tap, received=None),
            "no start": lambda: replace(tap, started=None),
            "no stop": lambda: replace(tap, stopped=None),
        }[change]()
        taps = list(scene.trace.taps)
        taps[index] = changed
        return replace(scene.trace, taps=tuple(taps))

    return make


def _any_connection(change: Callable[[Connection], Connection]) -> Make:
    def make(scene: Scene, random: Random) -> Trace:
        c = random.choice(scene.trace.connections)
        return scene.swap(c, change(c))

    return make


def _tap_gone(scene: Scene, random: Random) -> Trace:
    index = random.randrange(len(scene.trace.taps))
    taps = scene.trace.taps
    return replace(scene.trace, taps=taps[:index] + taps[index + 1 :])


def _cut(connection: Connection) -> Connection:
    stream = replace(connection.server_stream, gaps=(Gap(offset=0, size=1),), sha256=None)
    return replace(connection, server_stream=stream)


# Order and repetition


def _shuffled(scene: Scene, random: Random) -> Trace:
    connections = list(scene.trace.connections)
    random.shuffle(connections)
    return replace(scene.trace, connections=tuple(connections))


def _gone(leg: str) -> Make:
    def make(scene: Scene, random: Random) -> Trace | None:
        found = _find(scene, leg)
        return scene.without(random.choice(found)) if found else None

    return make


def _silent(leg: str) -> Make:
    """The bytes are there, the exchange in them is not."""
    return _on(leg, lambda scene, c, _: scene.swap(c, replace(c, exchanges=())))


def _twice(leg: str) -> Make:
    def make(scene: Scene, c: Connection, random: Random) -> Trace:
        again = replace(
            c,
            number=len(scene.trace.connections) + 1,
            client=Endpoint(c.client.address, c.client.port % 60000 + 1 + random.randrange(999)),
            opened_ns=c.opened_ns + 1000,
        )
        return replace(scene.trace, connections=(*scene.trace.connections, again))

    return _on(leg, make)


def _add(name: bytes, value: bytes) -> Make:
    return _on_balanced(lambda request, *_: with_header(request, name, value, add=True))


def _left_element(request: Request, scene: Scene, random: Random) -> Request:
    del scene
    value = request.values("X-Forwarded-For")[0]
    spoofed = f"192.0.2.{random.randrange(1, 250)}, ".encode()
    return with_header(request, FORWARDED, spoofed + value)


def _trailer(request: Request, scene: Scene, random: Random) -> Request:
    del scene, random
    return replace(request, trailers=(Header(name=PORT, value=request.values("RemotePort")[0]),))


KINDS: tuple[Kind, ...] = (
    Kind("RemotePort: another port", "V07", _set(PORT, _another_port)),
    Kind("RemotePort: malformed", "V08", _set(PORT, _spoilt)),
    Kind("RemotePort: gone", "V08", _on_balanced(lambda r, *_: with_header(r, PORT, None))),
    Kind("RemotePort: a second line", "V08", _add(b"remoteport", b"40404")),
    Kind("RemotePort: once more in a trailer", "V08", _on_balanced(_trailer)),
    Kind("X-Forwarded-For: another machine", "V07", _on_balanced(_another_element)),
    Kind(
        "X-Forwarded-For: gone", "V08", _on_balanced(lambda r, *_: with_header(r, FORWARDED, None))
    ),
    Kind("X-Forwarded-For: one more at the right", "V07", _add(FORWARDED, b"198.51.100.7")),
    Kind("X-Forwarded-For: one more at the left", HARMLESS, _on_balanced(_left_element)),
    Kind("Connection names RemotePort", "V08", _add(b"Connection", b"close, remoteport")),
    Kind("request: a header nobody reads", HARMLESS, _add(b"X-Trace", b"1")),
    Kind("call-back: another certificate", "V01", _on("call_backs", _other_certificate)),
    Kind("call-back: one bit of the certificate", "V01", _on("call_backs", _flipped_certificate)),
    Kind(
        "call-back: no certificate in it",
        "V01",
        _on("call_backs", lambda s, c, _: s.with_response(c, lambda r: with_body(r, b"none"))),
    ),
    Kind("call-back: refused, signed in all the same", "V01", _on("call_backs", _status(404))),
    Kind("call-back: never made, signed in all the same", "V01", _gone("call_backs")),
    Kind("call-back: to another node", "V05", _on("call_backs", _to_other_node)),
    Kind("call-back: from a node nobody asked", "V05", _on("call_backs", _from_other_node)),
    Kind("call-back: long after the request", "V05", _on("call_backs", _later)),
    Kind("call-back: for another port", "V19", _on("call_backs", _other_key)),
    Kind("call-back: answered twice", "V04", _twice("call_backs")),
    Kind("call-back: on a proxy port", "V09", _on("call_backs", _call_back_on_proxy_port)),
    Kind("answer: another user on every leg", "V01", _other_user_everywhere),
    Kind("answer: another status at the node alone", "V07", _on("effective", _status(403))),
    Kind("admin port: opened by a stranger", "V09", _admin_from("stranger")),
    Kind("admin port: opened by a balancer", "V09", _admin_from("balancer")),
    Kind("device: another certificate", "V01", _on_journey(_other_client)),
    Kind("device: no certificate", "V11", _on_journey(_no_client)),
    Kind("device: certificate without its proof", "V11", _on_journey(_no_verify)),
    Kind("L1: another ClientHello", "V14", _other_random("outer")),
    Kind("L2: another ClientHello", "V14", _other_random("relayed")),
    Kind("L1: another certificate than L2", "V14", _other_server_leaf),
    Kind("tunnel: another ClientHello", "V01", _on_journey(_other_inner_random)),
    Kind("L2: not decrypted", "V01", _on_journey(_closed_content)),
    Kind("L3: to a stranger", "V15", _elsewhere("fronts", keep="port")),
    Kind("L3: to another port", "V15", _elsewhere("fronts", keep="address")),
    Kind("L3: from another node", "V05", _on("followed", _front_from_other_node)),
    Kind("L3: from another port", "V07", _on("followed", _front_other_port)),
    Kind("L2: at another node", "V12", _on_journey(_proxy_at_other_node)),
    Kind("L4: from a stranger", "V06", _on("effective", _upstream_from_stranger)),
    Kind("node: a SYN to a stranger", "V15", _node_talks(6)),
    Kind("node: UDP to a stranger", "V15", _node_talks(17)),
    Kind("node: ICMP to a stranger", "V15", _node_talks(1)),
    Kind("node: another protocol to a stranger", "V15", _node_talks(47)),
    Kind("L1 gone", "V14", _gone("outer")),
    Kind("L2 gone", "V01", _gone("journeys")),
    Kind("L3 gone", "V01", _gone("followed")),
    Kind("L4 gone", "V05", _gone("effective")),
    Kind("L3: nothing read in it", "V05", _silent("followed")),
    Kind("L4: nothing read in it", "V05", _silent("effective")),
    Kind("L5: nothing read in it", "V01", _silent("call_backs")),
    Kind("account: a packet dropped", "completeness", _tap("dropped")),
    Kind("account: the ring frozen", "completeness", _tap("frozen")),
    Kind("account: more received than written", "completeness", _tap("more received")),
    Kind("account: no counters", "completeness", _tap("uncounted")),
    Kind("account: no start sentinel", "completeness", _tap("no start")),
    Kind("account: no stop sentinel", "completeness", _tap("no stop")),
    Kind("account: a tap is missing", "completeness", _tap_gone),
    Kind(
        "account: the file is damaged",
        "completeness",
        lambda s, _: replace(s.trace, damage=(Damage(offset=9, message="odd"),)),
    ),
    Kind("account: a hole", "completeness", _any_connection(_cut)),
    Kind(
        "account: a connection without its start",
        "completeness",
        _any_connection(lambda c: replace(c, from_start=False)),
    ),
    Kind("order: connections listed otherwise", HARMLESS, _shuffled),
)
"""In the order of the report."""
