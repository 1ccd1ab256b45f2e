"""Group: regular packets of one connection (see regular.py), ready to be taken in at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.decode.tcp.talk import Talk
from harness.trace.packet import PacketNumber

COUNT, SIZE, ACKED, FIN_SENT, RST_SENT = range(5)
"""The fields of a Share where they are columns of a table."""


@dataclass(slots=True)
class Share:
    """What one end sent of a Group."""

    packet_count: int
    size: int
    """Payload bytes."""
    acked: int
    """Bytes of these that the other end acknowledged, its FIN counted; less than 0: only of what was before."""
    fin: bool
    rst: int
    """Packets with RST."""


def build_share(sums: Sequence[int]) -> Share:
    """A row of such a table."""
    count, size, acked, fin, rst = sums
    return Share(packet_count=count, size=size, acked=acked, fin=bool(fin), rst=rst)


@dataclass(slots=True)
class Group:
    """Regular packets of one connection."""

    numbers: Sequence[PacketNumber]
    """Ascending."""
    first_ns: int
    last_ns: int
    client: Share
    server: Share
    client_isn: int
    """Of a new connection."""
    server_isn: int
    answer: PacketNumber | None
    """The server's first packet."""
    talks: Iterable[Talk]
    """The payload, part by part, each brought together when it is asked for."""
