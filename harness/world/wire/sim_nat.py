"""Address translation on a simulated cable: what a NAT device between a machine and its switch would do.

Source translation hides addresses behind one, with ports of its own (RFC 3022 section 2.2); destination translation
hands what comes for one endpoint to another one. Both keep a table, so that answers find their way back.
"""

from __future__ import annotations

from dataclasses import replace

from harness.world.wire.sim_frame import ICMP, Datagram, Packet, Segment
from harness.world.wire.sim_link import Link

FIRST_PORT, LAST_PORT = 1024, 32767
"""Ports that source translation gives out: others than machines choose themselves."""

_End = tuple[int, int]
"""Address and port."""


class SourceNat:
    """Everything that a machine sends comes from one other address."""

    def __init__(self, outside: int) -> None:
        """Args: `outside` is the address, IPv4 as a number, that all packets then come from."""
        self._outside = outside
        self._ports: dict[tuple[int, _End], int] = {}
        self._inside: dict[tuple[int, int], _End] = {}
        self._next = FIRST_PORT

    def install(self, link: Link) -> None:
        """Translate on this cable from now on; the switch delivers the outside address over it."""
        link.translate_out, link.translate_in = self.leave, self.enter
        link.switch.plug(self._outside, link)

    def leave(self, packet: Packet) -> Packet:
        """Towards the switch.

        Raises:
            OSError: all ports are given out.
        """
        if _is_icmp(packet):
            return replace(packet, source=self._outside)
        protocol, end = _protocol(packet), (packet.source, packet.source_port)
        port = self._ports.get((protocol, end))
        if port is None:
            port = self._give_out(protocol, end)
        return replace(packet, source=self._outside, source_port=port)

    def _give_out(self, protocol: int, end: _End) -> int:
        port = self._next
        if port > LAST_PORT:
            raise OSError(
                f"source translation has given out all {LAST_PORT - FIRST_PORT + 1} ports"
            )
        self._next += 1
        self._ports[protocol, end] = port
        self._inside[protocol, port] = end
        return port

    def enter(self, packet: Packet) -> Packet:
        """Towards the machine; what belongs to nothing stays as it is, and is answered by the machine."""
        end = self._inside.get((_protocol(packet), packet.destination_port))
        if packet.destination != self._outside or end is None:
            return packet
        return replace(packet, destination=end[0], destination_port=end[1])


class DestinationNat:
    """What comes for one endpoint goes to another one behind the same cable."""

    def __init__(self, outside: _End, inside: _End) -> None:
        """Args: both are address, IPv4 as a number, and port."""
        self._outside, self._inside = outside, inside
        self._clients: set[tuple[int, _End]] = set()
        """Who came in by the outside endpoint: only their answers are translated back."""

    def install(self, link: Link) -> None:
        """Translate on this cable from now on; the switch delivers the outside address over it."""
        link.translate_out, link.translate_in = self.leave, self.enter
        link.switch.plug(self._outside[0], link)

    def enter(self, packet: Packet) -> Packet:
        """Towards the machine."""
        if (packet.destination, packet.destination_port) != self._outside:
            return packet
        self._clients.add((_protocol(packet), (packet.source, packet.source_port)))
        return replace(packet, destination=self._inside[0], destination_port=self._inside[1])

    def leave(self, packet: Packet) -> Packet:
        """Towards the switch."""
        client = (_protocol(packet), (packet.destination, packet.destination_port))
        if (packet.source, packet.source_port) != self._inside or client not in self._clients:
            return packet
        return replace(packet, source=self._outside[0], source_port=self._outside[1])


def _protocol(packet: Packet) -> int:
    return 6 if isinstance(packet, Segment) else packet.protocol


def _is_icmp(packet: Packet) -> bool:
    return isinstance(packet, Datagram) and packet.protocol == ICMP
