"""The trace builder: traces of whole sign-ins in a few lines, every packet numbered in order of time.

builder = TraceBuilder(CLUSTER)
builder.sign_in(remote_port=b"40000")
trace = builder.build()
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any

from harness.net.address import Address, Endpoint
from harness.site.callback import (
    NONCE_HEADER,
    PROOF_HEADER,
    TIME_HEADER,
    build_proof,
    build_target,
)
from harness.site.console import InForce
from harness.site.page import CertProxy
from harness.site.sign_in import build_answer, build_login_target
from harness.site.site import Balancer, Site
from harness.trace.certificate import Certificate
from harness.trace.connection import ByteStream, Connection, Preamble, Tunnel
from harness.trace.http import Exchange, Header, Malformed, Request, Response
from harness.trace.packet import Flow, Packet, PacketNumber
from harness.trace.tls import Seen, TlsSession
from harness.trace.trace import Tap, Trace

SYN, ACK, RST, PSH_ACK, FIN_ACK, SYN_ACK = 0x02, 0x10, 0x04, 0x18, 0x11, 0x12
TCP = 6
STEP_NS = 1000
START_NS = 1_800_000_000_000_000_000
DAY_NS = 86_400_000_000_000
PROXY_KEY = b"the certificate-proxy key of tests"
USER_AUTHORITY = "0a0b"

N1, N2, N3 = (ip_address(f"10.20.1.{n}") for n in (1, 2, 3))
VIP = ip_address("10.20.0.10")
PIXEL = ip_address("203.0.113.10")
GALAXY = ip_address("203.0.113.11")
BYSTANDER = ip_address("10.30.0.5")
ATTACKER = ip_address("10.20.7.7")
LOCALHOST = ip_address("127.0.0.1")
NODES = {"node1": N1, "node2": N2, "node3": N3}
NAMES: dict[Address, tuple[str, ...]] = {
    **{address: (name,) for name, address in NODES.items()},
    VIP: ("vip",),
    PIXEL: ("pixel",),
    GALAXY: ("galaxy",),
    BYSTANDER: ("bystander",),
    ATTACKER: ("mallory",),
}


def make_site(
    *, service: str | None = "terminate", nodes: Sequence[str] = tuple(NODES), **page: Any
) -> Site:
    """A site of `nodes` with one balancer of that mode on 443 (None: without), and its settings page."""
    settings: dict[str, Any] = {
        "destination_forced": True,
        "destination": "access.example.com",
        "allow_remote_port_header": True,
        "accept_remote_port_from": str(VIP),
    }
    balancers = (
        {}
        if service is None
        else {"vip": Balancer.model_validate({"address": str(VIP), "443": service})}
    )
    return Site(
        fqdn="access.example.com",
        nodes={name: NODES[name] for name in nodes},
        balancers=balancers,
        cert_proxy=CertProxy(**(settings | page)),
        names={"bystander": BYSTANDER},
    )


CLUSTER = make_site()
PASSTHROUGH = make_site(service="passthrough", destination="localhost")
SINGLE = make_site(
    service=None, nodes=("node1",), allow_remote_port_header=False, accept_remote_port_from=""
)


def make_certificate(name: str, *, serial: int = 1, upn: bool = True) -> Certificate:
    """A certificate of a user; `serial` tells two of one user apart."""
    der = f"certificate {serial} of {name}".encode()
    return Certificate(
        der=der,
        sha256=hashlib.sha256(der).hexdigest(),
        subject=f"CN={name}",
        upns=(name,) if upn else (),
        emails=() if upn else (name,),
        not_before_ns=START_NS - DAY_NS,
        not_after_ns=START_NS + DAY_NS,
        purposes=("1.3.6.1.5.5.7.3.2",),
        issuer="CN=User CA",
        issuer_key_id=USER_AUTHORITY,
    )


def make_server_certificate(*names: str, serial: int = 1, issuer: str = "aa01") -> Certificate:
    """A certificate of a server: of every machine of the site, or of these names."""
    der = f"certificate {serial} of the servers {names} by {issuer}".encode()
    return Certificate(
        der=der,
        sha256=hashlib.sha256(der).hexdigest(),
        subject="CN=server",
        issuer="CN=Server CA",
        issuer_key_id=issuer,
        dns_names=names or ("access.example.com", *NODES),
        ip_addresses=() if names else tuple(str(address) for address in NODES.values()),
        not_before_ns=START_NS - DAY_NS,
        not_after_ns=START_NS + DAY_NS,
    )


def make_pem(certificate: Certificate) -> bytes:
    """As the call-back answers."""
    text = base64.b64encode(certificate.der)
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"\n-----END CERTIFICATE-----\n"


def make_random(label: str) -> bytes:
    """32 bytes that are always the same for one label."""
    return hashlib.sha256(label.encode()).digest()


Fields = Sequence[tuple[str, bytes]]


def _headers(fields: Fields) -> tuple[Header, ...]:
    return tuple(Header(name=name.encode(), value=value) for name, value in fields)


@dataclass(slots=True, kw_only=True)
class Wire:
    """One connection while it grows; every method adds the packets it stands for."""

    builder: TraceBuilder
    tap: str
    client: Endpoint
    server: Endpoint
    packets: list[PacketNumber] = field(default_factory=list)
    syn: tuple[PacketNumber, ...] = ()
    syn_ack: tuple[PacketNumber, ...] = ()
    preamble: Preamble | None = None
    tls: TlsSession | None = None
    exchanges: list[Exchange] = field(default_factory=list)
    malformed: tuple[Malformed, ...] = ()
    inner: bytes | None = None
    target: bytes = b""
    opened: Seen | None = None
    client_size: int = 0
    server_size: int = 0
    closing: tuple[PacketNumber, ...] = ()
    is_over: bool = False
    """FIN or RST was sent."""
    is_reset: bool = False

    def send(self, *, from_client: bool, flags: int = PSH_ACK, size: int = 100) -> PacketNumber:
        """One segment."""
        ends = (self.client, self.server) if from_client else (self.server, self.client)
        number = self.builder.packet(self.tap, *ends, flags=flags, size=size)
        self.packets.append(number)
        if from_client:
            self.client_size += size
        else:
            self.server_size += size
        return number

    def _seen(self, *, from_client: bool) -> Seen:
        number = self.send(from_client=from_client)
        return Seen(time_ns=self.builder.now_ns, packets=(number,))

    def establish(self, *, answered: bool = True) -> Wire:
        """SYN, SYN-ACK, ACK."""
        self.syn = (self.send(from_client=True, flags=SYN, size=0),)
        if answered:
            self.syn_ack = (self.send(from_client=False, flags=SYN_ACK, size=0),)
            self.send(from_client=True, flags=ACK, size=0)
        return self

    def handshake(
        self,
        random: bytes,
        *,
        certificate: Certificate | None = None,
        asks: bool = False,
        server: Certificate | None = None,
        data: bool = True,
        **fields: Any,
    ) -> Wire:
        """TLS 1.3, decrypted; with `asks` the server requests a certificate."""
        hello, answer = self._seen(from_client=True), self._seen(from_client=False)
        finish = self._seen(from_client=True)
        facts: dict[str, Any] = {
            "client_hello": hello,
            "client_random": random,
            "sni": self.builder.site.fqdn,
            "server_hello": answer,
            "server_random": make_random("server"),
            "version": 0x0304,
            "server_certificates": (server or make_server_certificate(),),
            "server_finished": answer,
            "certificate_request": answer if asks else None,
            "client_certificate": finish if asks else None,
            "client_certificates": (certificate,) if certificate is not None else (),
            "certificate_verify": finish if certificate is not None else None,
            "client_finished": finish,
            "client_application_data": finish if data else None,
            "decrypted": "yes",
        }
        self.tls = TlsSession(**(facts | fields))
        return self

    def ask(
        self, target: str, *, method: bytes = b"GET", headers: Fields = (), **fields: Any
    ) -> int:
        """A request; returns the number of its exchange for `answer`."""
        number = self.send(from_client=True)
        if not any(name.lower() == "host" for name, _ in headers):
            headers = (("Host", self.builder.site.fqdn.encode()), *headers)
        facts: dict[str, Any] = {
            "method": method,
            "target": target.encode(),
            "version": b"HTTP/1.1",
            "headers": _headers(headers),
            "first_ns": self.builder.now_ns,
            "last_ns": self.builder.now_ns,
            "packets": (number,),
        }
        self.exchanges.append(Exchange(request=Request(**(facts | fields)), response=None))
        return len(self.exchanges) - 1

    def answer(
        self, exchange: int, status: int, body: bytes = b"", *, headers: Fields = ()
    ) -> None:
        """The response to a request."""
        number = self.send(from_client=False)
        response = Response(
            status=status,
            version=b"HTTP/1.1",
            headers=_headers(headers),
            body=body,
            body_size=len(body),
            body_sha256=hashlib.sha256(body).hexdigest(),
            first_ns=self.builder.now_ns,
            last_ns=self.builder.now_ns,
            packets=(number,),
        )
        self.exchanges[exchange] = replace(self.exchanges[exchange], response=response)

    def connect(self, target: str) -> int:
        """The CONNECT request."""
        return self.ask(target, method=b"CONNECT", headers=(("Host", target.encode()),))

    def grant(self, exchange: int) -> None:
        """The 200 that opens the tunnel."""
        self.answer(exchange, 200)
        self.opened = Seen(time_ns=self.builder.now_ns, packets=(self.packets[-1],))
        request = self.exchanges[exchange].request
        assert request is not None
        self.target = request.target

    def carry(self, random: bytes) -> None:
        """The inner ClientHello inside the tunnel."""
        self.send(from_client=True)
        self.inner = random

    def end(self) -> Wire:
        """FIN from both sides, once."""
        if self.syn_ack and not self.is_over:
            self.is_over = True
            for ends in ((self.client, self.server), (self.server, self.client)):
                self.closing += (self.builder.packet(self.tap, *ends, flags=FIN_ACK),)
        return self

    def reset(self) -> Wire:
        """RST from the client."""
        self.is_over = self.is_reset = True
        self.send(from_client=True, flags=RST, size=0)
        return self

    def build(self, number: int) -> Connection:
        """The observation."""
        packets = (*self.packets, *self.closing)
        times = [self.builder.packets[n - 1].time_ns for n in packets]
        tunnel = None
        if self.opened is not None:
            sni = self.builder.site.fqdn
            inner = (
                TlsSession(client_random=self.inner, sni=sni) if self.inner is not None else None
            )
            tunnel = Tunnel(target=self.target, opened=self.opened, tls=inner)
        return Connection(
            number=number,
            tap=self.tap,
            client=self.client,
            server=self.server,
            opened_ns=times[0],
            closed_ns=times[-1],
            closed="rst" if self.is_reset else "fin",
            from_start=bool(self.syn),
            syn=self.syn,
            syn_ack=self.syn_ack,
            established=bool(self.syn_ack),
            packets=packets,
            client_stream=ByteStream(size=self.client_size),
            server_stream=ByteStream(size=self.server_size),
            preamble=self.preamble,
            tls=self.tls,
            exchanges=tuple(self.exchanges),
            malformed=self.malformed,
            tunnel=tunnel,
        )


def make_preamble(wire: Wire) -> Preamble:
    """A PROXY header for the pixel, in the packet of the wire's ClientHello."""
    number = wire.packets[3]
    seen = Seen(time_ns=wire.builder.packets[number - 1].time_ns, packets=(number,))
    return Preamble(version=1, size=49, client=Endpoint(PIXEL, 40000), seen=seen)


@dataclass(slots=True, kw_only=True)
class SignIn:
    """The legs of one sign-in, to go on with; a leg that the site does not have is the next one."""

    l1: Wire
    l2: Wire
    l3: Wire
    l4: Wire
    l5: Wire | None
    cookie: bytes
    user: str


class TraceBuilder:
    """A trace of a site while it grows."""

    def __init__(self, site: Site = CLUSTER) -> None:
        """Start every tap with its sentinel."""
        self.site = site
        self.packets: list[Packet] = []
        self.wires: list[Wire] = []
        self.settings: list[InForce] = []
        self.now_ns = START_NS
        self.taps = ("outside", "dmz", "inside", *(f"{node}.lo" for node in site.nodes))
        self._port = 41000
        self._request = 0
        self._proofs = 0
        self._started = {tap: self._frame(tap) for tap in self.taps}

    def _add(self, **facts: Any) -> PacketNumber:
        self.now_ns += STEP_NS
        number = PacketNumber(len(self.packets) + 1)
        self.packets.append(Packet(number=number, time_ns=self.now_ns, **facts))
        return number

    def _frame(self, tap: str) -> PacketNumber:
        """A sentinel."""
        return self._add(tap=tap, size=60, ether_type=0x88B5)

    def packet(
        self,
        tap: str,
        source: Endpoint,
        destination: Endpoint,
        *,
        flags: int | None = None,
        size: int = 0,
        protocol: int = TCP,
        **facts: Any,
    ) -> PacketNumber:
        """One IP packet that belongs to no connection (or is added by one)."""
        flow = Flow(
            src=source.address,
            dst=destination.address,
            protocol=protocol,
            src_port=source.port,
            dst_port=destination.port,
        )
        ether_type = 0x0800 if source.address.version == 4 else 0x86DD
        known = {"size": size + 54, "ether_type": ether_type, "payload_size": size}
        return self._add(tap=tap, flow=flow, tcp_flags=flags, **(known | facts))

    def port(self) -> int:
        """The next free client port."""
        self._port += 1
        return self._port

    def next_port(self, port: int) -> None:
        """Let the next free client port be this one."""
        self._port = port - 1

    def open(
        self,
        tap: str,
        client: Address,
        server: Address,
        port: int,
        *,
        answered: bool = True,
        source: int | None = None,
    ) -> Wire:
        """A TCP connection."""
        wire = Wire(
            builder=self,
            tap=tap,
            client=Endpoint(client, source or self.port()),
            server=Endpoint(server, port),
        )
        self.wires.append(wire)
        return wire.establish(answered=answered)

    def login(self, app: str = "salesforce") -> str:
        """A fresh sign-in target."""
        self._request += 1
        return build_login_target(app, f"{self._request:032x}")

    def tunnel(
        self,
        *,
        device: Address = PIXEL,
        node: Address = N2,
        certificate: Certificate | None = None,
        asks: bool = True,
        target: str = "access.example.com:443",
        dials: tuple[str, Address, int] | None = None,
    ) -> tuple[Wire, Wire, Wire]:
        """L1, L2 and L3 up to the inner ClientHello; `dials` is tap, address and port of L3."""
        inner, outer = (
            make_random(f"inner {len(self.wires)}"),
            make_random(f"outer {len(self.wires)}"),
        )
        has_balancer = bool(self.site.balancers)
        l1 = self.open("outside", device, VIP if has_balancer else node, 5262)
        l2 = self.open("dmz", VIP, node, 5262) if has_balancer else l1
        ends = (l1,) if l1 is l2 else (l1, l2)
        for wire in ends:
            wire.handshake(outer, certificate=certificate, asks=asks)
        requests = [(wire, wire.connect(target)) for wire in ends]
        tap, address, port = dials or self._entry(node)
        own_address = LOCALHOST if address == LOCALHOST else node
        l3 = self.open(tap, own_address, address, port)
        for wire, exchange in requests:
            wire.grant(exchange)
            wire.carry(inner)
        return l1, l2, l3.handshake(inner)

    def _entry(self, node: Address) -> tuple[str, Address, int]:
        name = next(n for n, a in self.site.nodes.items() if a == node)
        if self.site.cert_proxy.destination == "localhost":
            return f"{name}.lo", LOCALHOST, 443
        return ("dmz", VIP, 443) if self.site.balancers else (f"{name}.lo", node, 443)

    def sign_in(
        self,
        *,
        device: Address = PIXEL,
        user: str = "alice@example.com",
        certificate: Certificate | None = None,
        node: Address = N2,
        access: Address = N1,
        client_headers: Fields = (),
        remote_port: bytes | Sequence[bytes] | None = None,
        forwarded_for: bytes | None = None,
        headers: Fields = (),
        key: int | None = None,
        asked: Address | None = None,
        asked_port: int = 5263,
        call_back: bool = True,
        handed: Certificate | None = None,
        before_answer: Callable[[Address], None] | None = None,
        status: int = 200,
    ) -> SignIn:
        """A whole sign-in; every argument is the knob of one leg, None meaning as it should be.

        Args:
            device: its address.
            user: whom the service says it signed in (with status 200).
            certificate: what the device proves; None: its own, of `user`.
            node: whose proxy is used.
            access: the node that the balancer picks (a terminating one).
            client_headers: what the device writes itself.
            remote_port: the RemotePort line(s) on L4.
            forwarded_for: the X-Forwarded-For line on L4.
            headers: further lines on L4.
            key: the port that is asked for.
            asked: the node that is asked.
            asked_port: its port.
            call_back: False: no call-back at all.
            handed: the certificate that the call-back answers; None: the device's.
            before_answer: what else the node that picks the user does before it answers.
            status: of the service's answer; another than 200 makes the call-back answer 404.
        """
        proved = certificate or make_certificate(user)
        l1, l2, l3 = self.tunnel(device=device, node=node, certificate=proved)
        target = self.login()
        at_front = l3.ask(target, headers=client_headers)
        l4, request = l3, at_front
        if l3.server.address == VIP:
            ports = (remote_port,) if isinstance(remote_port, bytes) else remote_port
            lines = ports if ports is not None else (str(l3.client.port).encode(),)
            forwarded = forwarded_for if forwarded_for is not None else str(node).encode()
            l4 = self.open("dmz", VIP, access, 443).handshake(make_random(f"l4 {len(self.wires)}"))
            own = (
                ("X-Forwarded-For", forwarded),
                *(("RemotePort", value) for value in lines),
                *headers,
            )
            request = l4.ask(target, headers=(*_without_forwarding(client_headers), *own))
        caller = l4.server.address if l4.server.address != LOCALHOST else node
        l5 = None
        if call_back:
            body = make_pem(handed or proved)
            answer = (200, body) if status == 200 else (404, b"")
            l5 = self.call_back(
                caller,
                asked or node,
                port=asked_port,
                key=key if key is not None else l3.client.port,
                answer=answer,
            )
        if before_answer is not None:
            before_answer(caller)
        cookie = f"HZN=session-of-{user}-{len(self.wires)}".encode()
        self.finish(l3, at_front, l4, request, user=user, status=status, cookie=cookie)
        return SignIn(l1=l1, l2=l2, l3=l3, l4=l4, l5=l5, cookie=cookie, user=user)

    def finish(
        self,
        l3: Wire,
        at_front: int,
        l4: Wire,
        request: int,
        *,
        user: str,
        status: int = 200,
        cookie: bytes = b"",
    ) -> None:
        """The service's answer, and the balancer's."""
        body = build_answer(user=user) if status == 200 else build_answer(error="no certificate")
        headers = (
            (("Set-Cookie", cookie + b"; Secure; HttpOnly"),) if cookie and status == 200 else ()
        )
        l4.answer(request, status, body, headers=headers)
        if l3 is not l4:
            l3.answer(at_front, status, body, headers=headers)

    def call_back(
        self,
        caller: Address,
        target: Address,
        *,
        port: int = 5263,
        key: int,
        answer: tuple[int, bytes] | None,
        headers: Fields = (),
    ) -> Wire:
        """L5, on the caller's loopback where it asks itself; `headers` replace those of a good proof."""
        name = next((n for n, a in self.site.nodes.items() if a == caller), "")
        tap = f"{name}.lo" if caller == target else "inside"
        wire = self.open(tap, caller, target, port).handshake(make_random(f"l5 {len(self.wires)}"))
        exchange = wire.ask(build_target(key), headers=headers or self.prove(key))
        if answer is not None:
            wire.answer(exchange, *answer)
        return wire

    def prove(self, port: int, *, key: bytes = PROXY_KEY, age_s: int = 0) -> Fields:
        """The headers of a call-back with a fresh proof."""
        self._proofs += 1
        nonce, time_s = f"{self._proofs:032x}", self.now_ns // 1_000_000_000 - age_s
        proof = build_proof(key, nonce=nonce, time_s=time_s, port=port)
        return (
            (NONCE_HEADER, nonce.encode()),
            (TIME_HEADER, str(time_s).encode()),
            (PROOF_HEADER, proof.encode()),
        )

    def build(self, **changes: Any) -> Trace:
        """The trace, every connection closed, every tap stopped and counted; `changes` replace its fields."""
        for wire in self.wires:
            wire.end()
        stopped = {tap: self._frame(tap) for tap in self.taps}
        taps = tuple(
            Tap(
                name=tap,
                link_type=1,
                packet_count=count,
                received=count,
                dropped=0,
                freezes=0,
                started=self._started[tap],
                stopped=stopped[tap],
            )
            for tap in self.taps
            if (count := sum(packet.tap == tap for packet in self.packets))
        )
        facts: dict[str, Any] = {
            "packets": tuple(self.packets),
            "connections": tuple(
                wire.build(number) for number, wire in enumerate(self.wires, start=1)
            ),
            "taps": taps,
            "host_names": MappingProxyType(NAMES),
            "annotations": MappingProxyType(self.annotations()),
        }
        return Trace(**(facts | changes))

    def annotations(
        self, *, canary: bool = True, complete: bool = True, **expectation: Any
    ) -> dict[str, str]:
        """What a recorded file says about itself."""
        note = {
            "mode": "namespaces",
            "canary": canary,
            "complete": complete,
            "devices": {str(PIXEL): "pixel"},
            "proxy_key": PROXY_KEY.hex(),
            "user_authorities": [USER_AUTHORITY],
            "settings": [
                {"at_ns": c.at_ns, "node": c.node, "page": c.page.model_dump(mode="json")}
                for c in self.settings
            ],
        }
        return {
            "site/1": self.site.model_dump_json(by_alias=True),
            "run/1": json.dumps(note),
            "expectation/1": json.dumps(expectation),
        }


def _without_forwarding(fields: Fields) -> Fields:
    """A good balancer removes the client's copies."""
    return tuple(f for f in fields if f[0].lower() not in ("remoteport", "x-forwarded-for"))
