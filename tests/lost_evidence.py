"""Lost evidence: a trace as it would be had keys or packets been missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.trace.connection import ByteStream, Connection, Gap
from harness.trace.http import Exchange, Request, Response
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, TlsSession
from harness.trace.trace import Trace


def without_keys(trace: Trace, connection: int) -> Trace:
    """As if no secret of this connection (by number) had been stored: TLS 1.3 shows two hellos then."""
    return replace(
        trace,
        connections=tuple(_sealed(c) if c.number == connection else c for c in trace.connections),
    )


def _sealed(connection: Connection) -> Connection:
    tls = connection.tls
    if tls is None:
        return connection
    shown = TlsSession(
        client_hello=tls.client_hello,
        client_random=tls.client_random,
        server_hello=tls.server_hello,
        version=tls.version,
        decrypted="no",
        undecrypted="no secret for this client random",
    )
    return replace(connection, tls=shown, exchanges=(), tunnel=None)


def without_packet(trace: Trace, number: PacketNumber) -> Trace:
    """As if the recorder had lost this packet after the kernel counted it: what it carried is not seen."""
    lost = trace.packet(number)
    return replace(
        trace,
        packets=tuple(p for p in trace.packets if p.number != number),
        taps=tuple(
            replace(
                tap,
                packet_count=tap.packet_count - 1,
                started=None if tap.started == number else tap.started,
                stopped=None if tap.stopped == number else tap.stopped,
            )
            if tap.name == lost.tap
            else tap
            for tap in trace.taps
        ),
        connections=tuple(
            _damaged(c, number, lost.payload_size) if number in c.packets else c
            for c in trace.connections
        ),
    )


def _damaged(connection: Connection, number: PacketNumber, size: int) -> Connection:
    syn = tuple(n for n in connection.syn if n != number)
    streams = (connection.client_stream, connection.server_stream)
    client, server = (replace(s, gaps=(Gap(offset=0, size=size),)) if size else s for s in streams)
    tls = connection.tls
    if tls is not None:
        kept: dict[str, Any] = {
            name: None
            for name in TlsSession.__dataclass_fields__
            if isinstance(seen := getattr(tls, name), Seen) and number in seen.packets
        }
        tls = (
            replace(tls, **kept, decrypted="partly", undecrypted=f"hole of {size} bytes")
            if size
            else tls
        )
    return replace(
        connection,
        packets=tuple(n for n in connection.packets if n != number),
        syn=syn,
        from_start=bool(syn),
        syn_ack=tuple(n for n in connection.syn_ack if n != number),
        client_stream=ByteStream(size=client.size, gaps=client.gaps),
        server_stream=ByteStream(size=server.size, gaps=server.gaps),
        tls=tls,
        exchanges=tuple(
            e for e in (_kept(x, number) for x in connection.exchanges) if e is not None
        ),
    )


def _kept(exchange: Exchange, number: PacketNumber) -> Exchange | None:
    request: Request | None = exchange.request
    response: Response | None = exchange.response
    if request is not None and number in request.packets:
        request = None
    if response is not None and number in response.packets:
        response = None
    return Exchange(request=request, response=response) if request or response else None
