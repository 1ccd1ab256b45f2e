"""One connection as one line of JSON: its bytes, its TLS session, its exchanges, and its tunnel in the same shape.

Wire bytes become text byte by byte (ISO 8859-1), so nothing is lost and nothing raises; hashes are lower-case hex.
Keys keep the order of the documentation (docs/decode.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from harness.report.packet_lines import name_version
from harness.trace.certificate import Certificate
from harness.trace.connection import ByteStream, Connection, Layers, Preamble, Tunnel
from harness.trace.http import Exchange, Header, Malformed, Request, Response
from harness.trace.tls import TlsSession
from harness.trace.trace import Damage


def connection_json(connection: Connection, damage: Sequence[Damage] = ()) -> str:
    """One line without its end; `damage` of the file that lies before the end of the connection."""
    client, server = connection.client_stream, connection.server_stream
    return _line(
        {
            "number": connection.number,
            "tap": connection.tap,
            "client": str(connection.client),
            "server": str(connection.server),
            "carried_in": connection.carried_in,
            "opened_ns": connection.opened_ns,
            "closed_ns": connection.closed_ns,
            "closed": connection.closed,
            "from_start": connection.from_start,
            "client_bytes": _seen(client),
            "server_bytes": _seen(server),
            "client_sha256": client.sha256,
            "server_sha256": server.sha256,
            "gaps": [*_gaps("client", client), *_gaps("server", server)],
            "packets": len(connection.packets),
            **_doubt(connection, damage),
            **_layers(connection),
        }
    )


def _doubt(connection: Connection, damage: Sequence[Damage]) -> dict[str, int]:
    """How many of its packets lie behind a damaged place, if any."""
    past = damage[0].count_past(connection.packets) if damage else 0
    return {"packets_past_damage": past} if past else {}


def _line(value: Mapping[str, object]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _seen(stream: ByteStream) -> int:
    """Stream bytes that are in the capture."""
    return stream.size - sum(gap.size for gap in stream.gaps)


def _gaps(side: str, stream: ByteStream) -> list[dict[str, object]]:
    return [{"side": side, "offset": gap.offset, "bytes": gap.size} for gap in stream.gaps]


def _layers(layers: Layers) -> dict[str, object]:
    return {
        "proxy_header": _preamble(layers.preamble) if layers.preamble is not None else None,
        "tls": _tls(layers.tls) if layers.tls is not None else None,
        "exchanges": [_exchange(exchange) for exchange in layers.exchanges],
        "malformed": [_malformed(malformed) for malformed in layers.malformed],
        "tunnel": _tunnel(layers.tunnel) if layers.tunnel is not None else None,
    }


def _preamble(preamble: Preamble) -> dict[str, object]:
    return {
        "version": preamble.version,
        "bytes": preamble.size,
        "client": str(preamble.client) if preamble.client is not None else None,
        "packets": list(preamble.seen.packets),
    }


def _tunnel(tunnel: Tunnel) -> dict[str, object]:
    return {"target": _text(tunnel.target), **_layers(tunnel)}


def _tls(tls: TlsSession) -> dict[str, object]:
    return {
        "version": _code(tls.version),
        "version_name": name_version(tls.version) if tls.version is not None else None,
        "cipher_suite": _code(tls.cipher_suite),
        "cipher_suite_name": tls.cipher_suite_name,
        "sni": tls.sni,
        "alpn": tls.alpn,
        "alpn_offered": list(tls.alpn_offered),
        "client_random": tls.client_random.hex() if tls.client_random is not None else None,
        "later_client_randoms": [random.hex() for random in tls.later_client_randoms],
        "resumed": tls.resumed,
        "early_data": tls.early_data,
        "client_certificate_requested": tls.certificate_request is not None,
        "client_certificate_sent": tls.client_certificate is not None,
        "client_certificates": [_certificate(c) for c in tls.client_certificates],
        "later_client_certificates": [
            [_certificate(c) for c in chain] for chain in tls.later_client_certificates
        ],
        "server_certificates": [_certificate(c) for c in tls.server_certificates],
        "alerts": [
            {"side": a.sender, "level": a.level, "description": a.description, "name": a.name}
            for a in tls.alerts
        ],
        "decrypted": tls.decrypted,
        "undecrypted": tls.undecrypted,
        "client_plaintext_bytes": tls.client_plaintext_size,
        "server_plaintext_bytes": tls.server_plaintext_size,
        "client_plaintext_sha256": tls.client_plaintext_sha256,
        "server_plaintext_sha256": tls.server_plaintext_sha256,
    }


def _certificate(certificate: Certificate) -> dict[str, object]:
    return {"subject": certificate.subject, "sha256": certificate.sha256}


def _exchange(exchange: Exchange) -> dict[str, object]:
    return {
        "request": _request(exchange.request) if exchange.request is not None else None,
        "response": _response(exchange.response) if exchange.response is not None else None,
        "packets": list(exchange.packets),
    }


def _request(request: Request) -> dict[str, object]:
    return {
        "method": _text(request.method),
        "target": _text(request.target),
        "version": _text(request.version),
        "headers": _headers(request.headers),
        "trailers": _headers(request.trailers),
        "body_bytes": request.body_size,
        "body_sha256": request.body_sha256 or None,
        "complete": request.complete,
    }


def _response(response: Response) -> dict[str, object]:
    return {
        "status": response.status,
        "version": _text(response.version),
        "headers": _headers(response.headers),
        "trailers": _headers(response.trailers),
        "body_bytes": response.body_size,
        "body_sha256": response.body_sha256 or None,
        "complete": response.complete,
    }


def _headers(headers: tuple[Header, ...]) -> list[list[str]]:
    return [[_text(header.name), _text(header.value)] for header in headers]


def _malformed(malformed: Malformed) -> dict[str, object]:
    return {
        "side": malformed.sender,
        "layer": malformed.layer,
        "message": malformed.message,
        "packets": list(malformed.packets),
    }


def _code(value: int | None) -> str | None:
    """A code point as the registries write it."""
    return f"0x{value:04x}" if value is not None else None


def _text(data: bytes) -> str:
    return data.decode("latin-1")
