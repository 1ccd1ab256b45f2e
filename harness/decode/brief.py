"""Brief: a regular connection of which all packets, from SYN to close, were in one table.

Most connections of a busy capture are so. It is kept as it came for as long as another packet may follow, and only
then becomes a TcpConnection; its observation is the same either way.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from harness.decode.group import Group, Share
from harness.decode.layer_fields import LayerFields
from harness.net.address import Endpoint
from harness.trace.connection import ByteStream, Connection
from harness.trace.tls import Side


def find_close(group: Group) -> Literal["fin", "rst"] | None:
    """How a new connection ended with its first packets; None: it is open."""
    client, server = group.client, group.server
    if client.fin and server.fin and (client.acked > client.size or server.acked > server.size):
        return "fin"
    return "rst" if client.rst or server.rst else None


class Brief:
    """One such connection."""

    __slots__ = (
        "client",
        "client_key",
        "closed",
        "group",
        "is_hashed",
        "layers",
        "number",
        "server",
        "tap",
    )

    def __init__(
        self,
        tap: str,
        client: Endpoint,
        server: Endpoint,
        client_key: bytes,
        group: Group,
        closed: Literal["fin", "rst"],
        layers: LayerFields,
        *,
        is_hashed: bool,
    ) -> None:
        """Take the packets, what `find_close` says of them, and what the bytes hold."""
        self.number = 0
        """In order of first packet, from 1; 0 until the Reassembler gives it."""
        self.tap = tap
        self.client = client
        self.server = server
        self.client_key = client_key
        self.group = group
        self.closed = closed
        self.layers = layers
        self.is_hashed = is_hashed

    @property
    def closed_ns(self) -> int:
        """Time of the last packet."""
        return self.group.last_ns

    def build(self) -> Connection:
        """The observation."""
        group = self.group
        client, server = group.client, group.server
        is_answered = server.packet_count > 0
        return Connection(
            number=self.number,
            tap=self.tap,
            client=self.client,
            server=self.server,
            opened_ns=group.first_ns,
            closed_ns=group.last_ns,
            closed=self.closed,
            from_start=True,
            syn=(group.numbers[0],),
            syn_ack=(group.numbers[1],) if is_answered else (),
            established=(is_answered and client.packet_count > client.rst + 1)
            or (client.size > 0 and server.size > 0),
            packets=tuple(group.numbers),
            client_stream=self._build_stream("client", client),
            server_stream=self._build_stream("server", server),
            **self.layers,
        )

    def _build_stream(self, side: Side, share: Share) -> ByteStream:
        sha256 = None
        if self.is_hashed:
            total = hashlib.sha256()
            for sender, run in self.group.runs:
                if sender == side:
                    total.update(run.data)
            sha256 = total.hexdigest()
        return ByteStream(size=share.size, sha256=sha256, packet_count=share.packet_count)
