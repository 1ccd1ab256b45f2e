"""HalfOpen: a server that still knows an earlier connection on the four-tuple, and how the client finds out.

RFC 9293 section 3.5.1: the server acknowledges what was never sent, the client resets that, and sends its SYN again.
Both packets are no part of the new connection: nothing of it is missing, and it is not reset.
"""

from __future__ import annotations

from harness.decode.packet.frame import ACK, RST, SYN, Segment
from harness.decode.tcp.direction import Direction


class HalfOpen:
    """Looks at the packets between the first SYN of a client and the SYN of its server."""

    __slots__ = ("_refused",)

    def __init__(self) -> None:
        """Begin before the first packet."""
        self._refused: int | None = None
        """What the server acknowledged."""

    def accepts(
        self, segment: Segment, client: Direction, server: Direction, syn_count: int
    ) -> bool:
        """Whether a packet belongs to the earlier connection.

        Args:
            segment: the packet.
            client: what the client has sent; packets are counted with this one.
            server: the same.
            syn_count: SYNs of the client.
        """
        if client.isn is None or server.isn is not None:
            return False
        if segment.flags & RST:
            return self._refused is not None and segment.seq == self._refused
        if segment.data or segment.flags & (SYN | ACK) != ACK:
            return False
        # Whoever has sent more than SYNs has got an answer that the capture does not have.
        if self._refused is None and client.packet_count > syn_count:
            return False
        if 0 <= client.place(segment.ack) <= client.end:
            return False
        self._refused = segment.ack
        return True
