"""Observation: what was found while decoding, in the words of the trace."""

from __future__ import annotations

from typing import Protocol, TypeVar

from harness.capture import block as blocks
from harness.decode.brief import Brief
from harness.decode.carried import find_tunnel
from harness.decode.frame import TCP
from harness.decode.layer_fields import LayerFields
from harness.decode.tcp_connection import Receiver, TcpConnection
from harness.trace.connection import Connection
from harness.trace.packet import Packet
from harness.trace.trace import Damage


class Finisher(Receiver, Protocol):
    """A receiver that tells in the end what the bytes held."""

    def finish(self, *, client_closed: bool, server_closed: bool) -> LayerFields:
        """No more bytes; say which side ended its stream with FIN."""


F = TypeVar("F", bound=Finisher)


def describe_damage(block: blocks.Damage) -> Damage:
    """The same for the trace, in words."""
    then = "nothing after it was read"
    if block.resumed is not None:
        then = f"reading went on at {block.resumed}"
    return Damage(offset=block.offset, message=f"{block.message}; {then}")


def reason_not_followed(packet: Packet) -> str:
    """Why a packet was not followed."""
    if packet.note is not None:
        return packet.note
    if packet.flow is None:
        return f"ether type 0x{packet.ether_type or 0:04x}"
    if packet.flow.protocol == TCP:
        return "TCP"
    return find_tunnel(packet.flow) or f"IP protocol {packet.flow.protocol}"


def build_connection(tcp: TcpConnection[F] | Brief) -> Connection:
    """The observation of a connection that has ended."""
    if isinstance(tcp, Brief):
        return tcp.build()
    client, server = tcp.direction("client"), tcp.direction("server")
    layers = tcp.receiver.finish(
        client_closed=client.fin is not None, server_closed=server.fin is not None
    )
    layers["malformed"] = (*tcp.malformed(), *layers["malformed"])
    return Connection(
        number=tcp.number,
        tap=tcp.tap,
        carried_in=tcp.carried_in,
        client=tcp.client,
        server=tcp.server,
        opened_ns=tcp.opened_ns,
        closed_ns=tcp.closed_ns,
        closed=tcp.closed,
        from_start=tcp.from_start,
        syn=tuple(tcp.syn),
        syn_ack=tuple(tcp.syn_ack),
        established=tcp.established,
        packets=tuple(tcp.packets),
        client_stream=client.build_stream(),
        server_stream=server.build_stream(),
        **layers,
    )
