"""Group: regular packets of one connection (see regular.py), ready to be taken in at once."""

from __future__ import annotations

from dataclasses import dataclass

from harness.decode.run import Run
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side


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


@dataclass(slots=True)
class Group:
    """Regular packets of one connection."""

    numbers: list[PacketNumber]
    """Ascending."""
    first_ns: int
    last_ns: int
    client: Share
    server: Share
    client_isn: int
    """Of a new connection."""
    server_isn: int
    runs: list[tuple[Side, Run]]
    """The payload in order; nothing where nobody wants it."""
