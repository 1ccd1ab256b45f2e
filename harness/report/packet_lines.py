"""Single packets told in lines: what `harness show` prints.

A line says number, time, tap, both ends, and the connection; the lines under it say what the packet carries: TLS
messages, heads of HTTP messages, and the same once more for what runs through a CONNECT tunnel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from harness.net.address import Address, Endpoint
from harness.report.text import printable, printable_bytes
from harness.trace.connection import Connection, Layers
from harness.trace.http import Message, Request, Response
from harness.trace.packet import Packet, PacketNumber
from harness.trace.tls import Seen, TlsSession
from harness.trace.trace import Trace

FLAGS: Final = ((2, "SYN"), (1, "FIN"), (4, "RST"), (8, "PSH"), (16, "ACK"), (32, "URG"))
"""RFC 9293 section 3.1, the telling ones first."""
PROTOCOLS: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}
VERSIONS: Final = {
    0x0200: "SSL 2.0",
    0x0300: "SSL 3.0",
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    0x0303: "TLS 1.2",
    0x0304: "TLS 1.3",
}
SENTINEL_ETHER_TYPE: Final = 0x88B5
"""IEEE 802 local experimental; the recorder marks start and stop of a tap with it (capture/ledger.py)."""

_Carried = dict[PacketNumber, list[str]]


def tell_packets(trace: Trace, numbers: Sequence[PacketNumber]) -> str:
    """Lines for these packets, in the order asked for.

    Args:
        trace: what the capture showed.
        numbers: 1-based packet numbers; each must be in the trace.
    """
    wanted = frozenset(numbers)
    owner: dict[PacketNumber, Connection] = {}
    carried: _Carried = {}
    for connection in trace.connections:
        mine = wanted.intersection(connection.packets)
        if mine:
            owner |= dict.fromkeys(mine, connection)
            _note_connection(carried, connection)
    start_ns = trace.packets[0].time_ns if trace.packets else 0
    lines: list[str] = []
    for number in numbers:
        packet = trace.packet(number)
        lines.append(_packet_line(trace, packet, owner.get(number), start_ns))
        lines += [f"      {text}" for text in carried.get(number, ())]
    return "\n".join(printable(line) for line in lines)


def _packet_line(trace: Trace, packet: Packet, connection: Connection | None, start_ns: int) -> str:
    parts = [f"{packet.number:5}", f"{(packet.time_ns - start_ns) / 1e9:11.6f} s", packet.tap]
    if packet.flow is None:
        kind = (
            f"ethertype 0x{packet.ether_type:04x}"
            if packet.ether_type is not None
            else "no ethertype"
        )
        parts.append(
            "sentinel of the recorder" if packet.ether_type == SENTINEL_ETHER_TYPE else kind
        )
    else:
        protocol = PROTOCOLS.get(packet.flow.protocol, f"IP protocol {packet.flow.protocol}")
        source = _end(trace, packet.flow.source)
        parts.append(f"{source} > {_end(trace, packet.flow.destination)}  {protocol}")
    if packet.tcp_flags is not None:
        parts.append(" ".join(name for bit, name in FLAGS if packet.tcp_flags & bit) or "no flags")
    if packet.icmp_type is not None:
        parts.append(f"type {packet.icmp_type}")
    if packet.flow is not None:
        parts.append(f"{packet.payload_size} bytes")
    if connection is not None:
        parts.append(f"connection {connection.number}")
    if packet.quoted is not None:
        quoted = f"{_end(trace, packet.quoted.source)} > {_end(trace, packet.quoted.destination)}"
        parts.append(f"about {quoted}")
    if packet.note is not None:
        parts.append(f"({packet.note})")
    return "  ".join(parts)


def _end(trace: Trace, endpoint: Endpoint) -> str:
    """`node1 10.20.1.1:443`; the port is left out where the protocol has none."""
    text = str(endpoint) if endpoint.port else str(endpoint.address)
    name = _host_name(trace, endpoint.address)
    return f"{name} {text}" if name else text


def _host_name(trace: Trace, address: Address) -> str | None:
    names = trace.host_names.get(address, ())
    return names[0] if names else None


def _note_connection(carried: _Carried, connection: Connection) -> None:
    """Say on each packet what it carries of this connection, in order of the layers."""
    _note_layers(carried, connection, "")


def _note_layers(carried: _Carried, layers: Layers, prefix: str) -> None:
    if layers.tls is not None:
        for label, seen in _tls_messages(layers.tls):
            _note(carried, seen.packets, f"{prefix}TLS {label}")
        if layers.tls.undecrypted is not None and layers.tls.client_hello is not None:
            _note(
                carried,
                layers.tls.client_hello.packets[-1:],
                f"{prefix}TLS not decrypted: {layers.tls.undecrypted}",
            )
    for exchange in layers.exchanges:
        for message in (exchange.request, exchange.response):
            if message is not None:
                _note_message(carried, message, prefix)
    for malformed in layers.malformed:
        _note(
            carried,
            malformed.packets,
            f"{prefix}malformed {malformed.layer} from the {malformed.sender}: {malformed.message}",
        )
    if layers.tunnel is not None:
        target = printable_bytes(layers.tunnel.target)
        _note_layers(carried, layers.tunnel, f"{prefix}in the tunnel to {target}: ")


def name_version(version: int) -> str:
    """`TLS 1.2` for 0x0303; `version 0x7f1c` for a draft or an unknown one."""
    return VERSIONS.get(version, f"version 0x{version:04x}")


def _tls_messages(tls: TlsSession) -> Iterator[tuple[str, Seen]]:
    offered = [f"for {tls.sni}"] if tls.sni else []
    if tls.alpn_offered:
        offered.append(f"ALPN {','.join(tls.alpn_offered)}")
    chosen = [name_version(tls.version)] if tls.version else []
    if tls.cipher_suite is not None:
        chosen.append(f"suite 0x{tls.cipher_suite:04x}")
    if tls.resumed:
        chosen.append("resumed")
    subjects = ", ".join(certificate.subject for certificate in tls.client_certificates[:1])
    messages = (
        (" ".join(("ClientHello", *offered)), tls.client_hello),
        (" ".join(("ServerHello", *chosen)), tls.server_hello),
        ("CertificateRequest", tls.certificate_request),
        (f"client's Certificate: {subjects or 'empty'}", tls.client_certificate),
        ("client's CertificateVerify", tls.certificate_verify),
        ("client's Finished", tls.client_finished),
        ("server's Finished", tls.server_finished),
        ("first application data of the client", tls.client_application_data),
        ("first application data of the server", tls.server_application_data),
    )
    yield from ((label, seen) for label, seen in messages if seen is not None)
    for alert in tls.alerts:
        level = "fatal" if alert.level == 2 else "warning"  # RFC 8446 section 6
        yield f"alert of the {alert.sender}: {alert.name} ({level})", alert.seen


def _note_message(carried: _Carried, message: Message, prefix: str) -> None:
    """The head stands at the packet with the first byte; the packets that follow only say so."""
    first, rest = message.packets[:1], message.packets[1:]
    start = _start_line(message)
    _note(carried, first, f"{prefix}HTTP {start}")
    for header in message.headers:
        _note(
            carried,
            first,
            f"{prefix}  {printable_bytes(header.name)}: {printable_bytes(header.value)}",
        )
    if message.body:
        _note(
            carried, first, f"{prefix}  ({message.body_size} bytes) {printable_bytes(message.body)}"
        )
    if not message.complete:
        _note(carried, first, f"{prefix}  (cut short)")
    _note(carried, rest, f"{prefix}HTTP {start} (continued)")


def _start_line(message: Message) -> str:
    version = printable_bytes(message.version)
    match message:
        case Request():
            return f"{printable_bytes(message.method)} {printable_bytes(message.target)} {version}"
        case Response():
            return f"{version} {message.status} {printable_bytes(message.reason)}".rstrip()
        case _:
            return version


def _note(carried: _Carried, numbers: Iterable[PacketNumber], text: str) -> None:
    for number in numbers:
        carried.setdefault(number, []).append(text)
