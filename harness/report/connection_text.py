"""One connection for a reader: a headline, then what it carried, indented by level. Wire text is made safe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.report.packet_lines import name_version
from harness.report.text import fold_numbers, printable, printable_bytes
from harness.trace.connection import ByteStream, Connection, Layers
from harness.trace.http import Exchange, Message
from harness.trace.tls import TlsSession
from harness.trace.trace import Damage


def tell_connection(connection: Connection, damage: Sequence[Damage] = ()) -> str:
    """Several lines, without a line end after the last; `damage` of the file that lies before its end."""
    past = damage[0].count_past(connection.packets) if damage else 0
    doubt = f", {past} of them past the damage" if past else ""
    ends = {"fin": "closed", "rst": "reset", "open": "open at the end"}
    beginning = "" if connection.from_start else ", begun before the capture"
    place = connection.tap + (f" in {connection.carried_in}" if connection.carried_in else "")
    lines = [
        f"{connection.number}  {connection.client} > {connection.server}  on {place}"
        f"  {ends[connection.closed]}{beginning}",
        f"{_stream('client', connection.client_stream)}, {_stream('server', connection.server_stream)};"
        f" packets {_packets(connection.packets)}{doubt}",
        *_layers(connection),
    ]
    return "\n".join((printable(lines[0]), *(f"   {printable(line)}" for line in lines[1:])))


def tell_summary(
    *,
    packet_count: int,
    connection_count: int,
    skipped: Mapping[str, int],
    damage: tuple[Damage, ...],
) -> str:
    """What was read, and what was not."""
    skipped_count = sum(skipped.values())
    lines = [
        f"{packet_count} packets, {connection_count} connections,"
        f" {skipped_count} packets skipped, {len(damage)} places damaged"
    ]
    ordered = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
    lines += [f"  skipped {count}: {reason}" for reason, count in ordered]
    lines += [f"  damaged at byte {d.offset}: {d.message}" for d in damage]
    return "\n".join(printable(line) for line in lines)


def _packets(numbers: tuple[int, ...]) -> str:
    if len(numbers) > 20:
        return f"{numbers[0]} to {numbers[-1]} ({len(numbers)} of them)"
    return fold_numbers(numbers)


def _stream(side: str, stream: ByteStream) -> str:
    missing = sum(gap.size for gap in stream.gaps)
    text = f"{side} {stream.size} bytes"
    if missing:
        text += (
            f" ({missing} missing in {len(stream.gaps)} gap{'s' if len(stream.gaps) > 1 else ''})"
        )
    return text


def _layers(layers: Layers) -> Iterator[str]:
    if layers.preamble is not None:
        one, told = layers.preamble, layers.preamble.client or "nobody"
        where = _packets(one.seen.packets)
        yield f"PROXY header, version {one.version}, for {told} (packets {where})"
    if layers.tls is not None:
        yield from _tls(layers.tls)
    for exchange in layers.exchanges:
        yield _exchange(exchange)
    for malformed in layers.malformed:
        where = f" (packets {_packets(malformed.packets)})" if malformed.packets else ""
        yield f"malformed {malformed.layer} from the {malformed.sender}: {malformed.message}{where}"
    if layers.tunnel is not None:
        yield f"tunnel to {printable_bytes(layers.tunnel.target)}"
        for line in _layers(layers.tunnel):
            yield f"  {line}"


def _tls(tls: TlsSession) -> Iterator[str]:
    parts = [name_version(tls.version) if tls.version is not None else "TLS, version not seen"]
    if tls.cipher_suite_name is not None:
        parts.append(tls.cipher_suite_name)
    if tls.sni is not None:
        parts.append(f"for {tls.sni}")
    if tls.alpn is not None:
        parts.append(f"ALPN {tls.alpn}")
    if tls.resumed:
        parts.append("resumed")
    yield "  ".join(parts)
    if tls.client_certificates:
        first = tls.client_certificates[0]
        yield f"client certificate {first.subject or first.problem or '(no subject)'}  sha256 {first.sha256}"
    elif tls.client_certificate is not None:
        yield "client certificate: none shown"
    for alert in tls.alerts:
        yield f"alert of the {alert.sender}: {alert.name}"
    opened = f"client {tls.client_plaintext_size} bytes, server {tls.server_plaintext_size} bytes"
    told = {"yes": f"decrypted: {opened}", "partly": f"partly decrypted: {opened}"}
    reason = f" ({tls.undecrypted})" if tls.undecrypted else ""
    yield f"{told.get(tls.decrypted, 'not decrypted')}{reason}"


def _exchange(exchange: Exchange) -> str:
    request, response = exchange.request, exchange.response
    asked = "(request not seen)"
    if request is not None:
        line = f"{printable_bytes(request.method)} {printable_bytes(request.target)}"
        asked = f"{line} {printable_bytes(request.version)}".rstrip() + _body(request)
    answered = f"{response.status}{_body(response)}" if response is not None else "(no response)"
    return f"{asked} -> {answered}; packets {_packets(exchange.packets)}"


def _body(message: Message) -> str:
    size = f" +{message.body_size} bytes" if message.body_size else ""
    return size if message.complete else f"{size} (cut short)"
