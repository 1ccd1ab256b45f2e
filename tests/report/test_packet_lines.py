"""Single packets told in lines."""

from __future__ import annotations

from types import MappingProxyType

from harness.net.address import Endpoint, parse_address
from harness.report.packet_lines import tell_packets
from harness.trace.certificate import Certificate
from harness.trace.connection import Connection, Tunnel
from harness.trace.http import Exchange, Header, Malformed, Request, Response
from harness.trace.packet import Flow, Packet, PacketNumber
from harness.trace.tls import Alert, Seen, TlsSession
from harness.trace.trace import Trace

DEVICE = Endpoint(parse_address("203.0.113.10"), 40001)
NODE = Endpoint(parse_address("10.20.1.1"), 5262)


def seen(*numbers: int) -> Seen:
    """A message in these packets."""
    return Seen(time_ns=0, packets=tuple(PacketNumber(n) for n in numbers))


def packet(
    number: int, source: Endpoint = DEVICE, destination: Endpoint = NODE, flags: int = 24
) -> Packet:
    """A TCP packet, one millisecond after the one before."""
    flow = Flow(
        src=source.address,
        dst=destination.address,
        protocol=6,
        src_port=source.port,
        dst_port=destination.port,
    )
    return Packet(
        number=PacketNumber(number),
        time_ns=1_000_000_000 + number * 1_000_000,
        tap="outside",
        size=120,
        ether_type=0x0800,
        flow=flow,
        tcp_flags=flags,
        payload_size=54,
    )


def exchange(request_packets: tuple[int, ...], response_packets: tuple[int, ...]) -> Exchange:
    """GET / and 200."""
    return Exchange(
        request=Request(
            method=b"GET",
            target=b"/SAAS/apps",
            version=b"HTTP/1.1",
            headers=(Header(name=b"RemotePort", value=b"40\x1b001"),),
            first_ns=0,
            last_ns=0,
            packets=tuple(PacketNumber(n) for n in request_packets),
        ),
        response=Response(
            status=200,
            reason=b"OK",
            version=b"HTTP/1.1",
            headers=(),
            body=b'{"user": "a"}',
            body_size=13,
            complete=False,
            first_ns=0,
            last_ns=0,
            packets=tuple(PacketNumber(n) for n in response_packets),
        ),
    )


def trace() -> Trace:
    """A device's connection of six packets: handshake, then a tunnel with an exchange in it."""
    inner = TlsSession(client_hello=seen(4), sni="access.example.com", alpn_offered=("http/1.1",))
    tls = TlsSession(
        client_hello=seen(2),
        server_hello=seen(3),
        version=0x0304,
        cipher_suite=0x1301,
        client_certificate=seen(4),
        client_certificates=(Certificate(der=b"", sha256="", subject="CN=alice"),),
        alerts=(
            Alert(
                sender="server", level=2, description=116, name="certificate_required", seen=seen(6)
            ),
        ),
        undecrypted="no secret for this client random",
    )
    connection = Connection(
        number=1,
        tap="outside",
        client=DEVICE,
        server=NODE,
        opened_ns=0,
        closed_ns=0,
        closed="fin",
        from_start=True,
        established=True,
        packets=tuple(PacketNumber(n) for n in range(1, 7)),
        tls=tls,
        malformed=(
            Malformed(
                sender="client", layer="http", message="two lengths", packets=(PacketNumber(6),)
            ),
        ),
        tunnel=Tunnel(
            target=b"access.example.com:443",
            opened=seen(4),
            tls=inner,
            exchanges=(exchange((4, 5), (6,)),),
        ),
    )
    sentinel = Packet(
        number=PacketNumber(7), time_ns=2_000_000_000, tap="dmz", size=60, ether_type=0x88B5
    )
    packets = (
        packet(1, flags=2),
        *(packet(n) for n in range(2, 6)),
        packet(6, NODE, DEVICE),
        sentinel,
    )
    names = MappingProxyType({NODE.address: ("node1",), DEVICE.address: ("pixel",)})
    return Trace(packets=packets, connections=(connection,), host_names=names)


def lines(*numbers: int) -> list[str]:
    """What is told of these packets."""
    return tell_packets(trace(), [PacketNumber(n) for n in numbers]).splitlines()


def test_packet_line() -> None:
    """Number, time after the first packet, tap, names and ends, flags, size and connection."""
    assert lines(1) == [
        "    1     0.000000 s  outside  pixel 203.0.113.10:40001 > node1 10.20.1.1:5262"
        "  TCP  SYN  54 bytes  connection 1"
    ]


def test_order_is_the_one_asked_for() -> None:
    """Packets come as asked."""
    assert [line.split()[0] for line in lines(7, 1)] == ["7", "1"]


def test_sentinel_is_named() -> None:
    """The recorder's own frames are told as such."""
    assert lines(7) == ["    7     0.999000 s  dmz  sentinel of the recorder"]


def test_tls_messages() -> None:
    """Both hellos are told, and why nothing more is readable."""
    assert [line.strip() for line in lines(2)[1:]] == [
        "TLS ClientHello",
        "TLS not decrypted: no secret for this client random",
    ]
    assert [line.strip() for line in lines(3)[1:]] == ["TLS ServerHello TLS 1.3 suite 0x1301"]


def test_tunnel_and_http() -> None:
    """What runs in a tunnel says so; control characters of a header stay harmless."""
    inside = "in the tunnel to access.example.com:443: "

    assert [line.strip() for line in lines(4)[1:]] == [
        "TLS client's Certificate: CN=alice",
        f"{inside}TLS ClientHello for access.example.com ALPN http/1.1",
        f"{inside}HTTP GET /SAAS/apps HTTP/1.1",
        f"{inside}  RemotePort: 40\\x1b001",
    ]
    assert [line.strip() for line in lines(5)[1:]] == [
        f"{inside}HTTP GET /SAAS/apps HTTP/1.1 (continued)"
    ]


def test_alert_malformed_and_body() -> None:
    """Alerts, malformed messages and cut bodies are told at their packets."""
    inside = "in the tunnel to access.example.com:443: "

    assert [line.strip() for line in lines(6)[1:]] == [
        "TLS alert of the server: certificate_required (fatal)",
        "malformed http from the client: two lengths",
        f"{inside}HTTP HTTP/1.1 200 OK",
        f'{inside}  (13 bytes) {{"user": "a"}}',
        f"{inside}  (cut short)",
    ]


def test_icmp_and_notes() -> None:
    """Packets without ports, quoted packets and notes."""
    flow = Flow(src=NODE.address, dst=DEVICE.address, protocol=1)
    quoted = Flow(src=DEVICE.address, dst=NODE.address, protocol=17, src_port=53, dst_port=54)
    icmp = Packet(
        number=PacketNumber(1),
        time_ns=5,
        tap="dmz",
        size=90,
        ether_type=0x0800,
        flow=flow,
        icmp_type=3,
        quoted=quoted,
        note="cut by snaplen",
    )

    assert tell_packets(Trace(packets=(icmp,)), [PacketNumber(1)]) == (
        "    1     0.000000 s  dmz  10.20.1.1 > 203.0.113.10  ICMP  type 3  0 bytes"
        "  about 203.0.113.10:53 > 10.20.1.1:54  (cut by snaplen)"
    )
