"""Observation: what was found while decoding, in the words of the trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from harness.capture import block as blocks
from harness.decode.layer_fields import LayerFields
from harness.decode.packet.carried import find_tunnel
from harness.decode.packet.frame import TCP
from harness.decode.tcp.connection import TcpConnection
from harness.decode.tcp.group import COUNT, SIZE
from harness.decode.tcp.receiver import Receiver
from harness.decode.tcp.run import Run
from harness.trace.packet import Packet

if TYPE_CHECKING:
    from harness.decode.tcp.whole import WholeTable
    from harness.trace.connection import ByteStream, Connection
    from harness.trace.trace import Damage


class Finisher(Receiver, Protocol):
    """A receiver that tells in the end what the bytes held."""

    def finish(self, *, client_closed: bool, server_closed: bool) -> LayerFields:
        """No more bytes; say which side ended its stream with FIN."""


F = TypeVar("F", bound=Finisher)


def describe_damage(block: blocks.Damage, *, packets_before: int) -> Damage:
    """The same for the trace, in words."""
    # Not above, here and below: what is told briefly needs none of it, and takes no longer than loading it.
    from harness.trace.trace import Damage

    then = "nothing after it was read"
    if block.resumed is not None:
        then = f"reading went on at {block.resumed}"
    return Damage(
        offset=block.offset, message=f"{block.message}; {then}", packets_before=packets_before
    )


def reason_not_followed(packet: Packet) -> str:
    """Why a packet was not followed."""
    if packet.note is not None:
        return packet.note
    if packet.flow is None:
        return f"ether type 0x{packet.ether_type or 0:04x}"
    if packet.flow.protocol == TCP:
        return "TCP"
    return find_tunnel(packet.flow) or f"IP protocol {packet.flow.protocol}"


def build_connection(tcp: TcpConnection[F]) -> Connection:
    """The observation of a connection that has ended."""
    from harness.trace.connection import Connection

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


def build_connections(table: WholeTable[LayerFields], *, is_hashed: bool) -> Iterator[Connection]:
    """The observations of whole connections."""
    from harness.trace.connection import Connection

    columns = zip(
        table.tap,
        table.number.tolist(),
        table.first_ns.tolist(),
        table.last_ns.tolist(),
        table.is_fin.tolist(),
        table.established.tolist(),
        table.answer.tolist(),
        table.client_sums.tolist(),
        table.server_sums.tolist(),
        table.facts,
        strict=True,
    )
    for row, (tap, number, first, last, fin, established, answer, mine, other, layers) in enumerate(
        columns
    ):
        client, server = table.build_ends(row)
        talk = table.build_talk(row) if is_hashed else None
        packets = tuple(table.numbers[table.start[row] : table.start[row + 1]].tolist())
        yield Connection(
            number=number,
            tap=tap,
            client=client,
            server=server,
            opened_ns=first,
            closed_ns=last,
            closed="fin" if fin else "rst",
            from_start=True,
            syn=packets[:1],
            syn_ack=(answer,) if answer else (),
            established=established,
            packets=packets,
            client_stream=_build_stream(mine, talk.client if talk else None),
            server_stream=_build_stream(other, talk.server if talk else None),
            **layers,
        )


def _build_stream(sums: list[int], run: Run | None) -> ByteStream:
    """One direction; with the hash of the run, if any."""
    from hashlib import sha256

    from harness.trace.connection import ByteStream

    hashed = sha256(run.data).hexdigest() if run is not None else None
    return ByteStream(size=sums[SIZE], sha256=hashed, packet_count=sums[COUNT])
