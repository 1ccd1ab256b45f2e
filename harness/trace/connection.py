"""One TCP connection, and the tunnel that may run through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.net.address import Endpoint
from harness.trace.http import Exchange, Malformed
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, TlsSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Bytes known to have been sent and not seen: from `offset` (included), `size` of them."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteStream:
    """One direction of a connection."""

    size: int = 0
    """Stream bytes, gaps included."""
    from_start: bool = True
    """The SYN was seen, or what acknowledged it; False: the first bytes may be missing."""
    sha256: str | None = None
    """Hex over all bytes from the first one seen; None where there is a gap."""
    gaps: tuple[Gap, ...] = ()
    packet_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preamble:
    """A PROXY protocol header: what a balancer put before the client's bytes to name the client."""

    version: Literal[1, 2]
    size: int
    """Bytes."""
    client: Endpoint | None
    """Whom it names; None: nobody (UNKNOWN, LOCAL), or an address that cannot be read."""
    seen: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What a byte stream in both directions carries: TLS, HTTP, and through CONNECT once more."""

    preamble: Preamble | None = None
    """What stood before TLS or HTTP."""
    tls: TlsSession | None = None
    exchanges: tuple[Exchange, ...] = ()
    malformed: tuple[Malformed, ...] = ()
    tunnel: Tunnel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel(Layers):
    """The bytes after a CONNECT that was answered with 2xx (RFC 9110 section 9.3.6)."""

    target: bytes
    """The request target of CONNECT, as sent."""
    opened: Seen
    """The 2xx response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Layers):
    """One TCP four-tuple from its SYN to its end; the same four-tuple used again is another one."""

    number: int
    """1-based, in order of first packet."""
    tap: str
    carried_in: str | None = None
    """The tunnels between other machines that carried its packets, the outer one first: `VXLAN 42, GRE`."""
    client: Endpoint
    """Who sent the SYN; where no SYN was seen, the guess is marked by `from_start` False."""
    server: Endpoint
    opened_ns: int
    """Time of the first packet."""
    closed_ns: int
    """Time of the last packet."""
    closed: Literal["fin", "rst", "open"]
    """`fin`: both sides sent FIN and were acknowledged or answered; `open`: the capture ends before."""
    from_start: bool
    """A SYN was seen."""
    syn: tuple[PacketNumber, ...] = ()
    syn_ack: tuple[PacketNumber, ...] = ()
    established: bool
    """SYN, SYN-ACK and the client's ACK were seen, or data flowed both ways."""
    packets: tuple[PacketNumber, ...]
    """All of them, ascending."""
    client_stream: ByteStream = ByteStream()
    server_stream: ByteStream = ByteStream()
