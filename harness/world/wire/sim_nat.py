"""Address translation between machines and their switch: what a home router, a carrier or a firewall does on a cable.

Source translation hides machines behind one address, with ports of its own (RFC 3022 section 2.2): each address behind
it has a block of ports to itself (RFC 7422), and a table, so that answers find their way back. One-to-one translation
changes the address alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.world.wire.sim_frame import Segment
from harness.world.wire.sim_link import Link

_End = tuple[int, int]
"""Address and port."""


class SourceNat:
    """Everything that some machines send comes from one other address."""

    def __init__(self, outside: int, blocks: Mapping[int, tuple[int, int]]) -> None:
        """Nobody has sent anything yet.

        Args:
            outside: the address, as a number (sim_address.py), that all packets then come from.
            blocks: address behind it to the first and last port that its packets get.
        """
        self._outside, self._blocks = outside, blocks
        self._links: dict[int, Link] = {}
        self._next = {address: first for address, (first, _) in blocks.items()}
        self._ports: dict[_End, int] = {}
        self._inside: dict[int, _End] = {}
        self._visited: set[tuple[_End, _End]] = set()
        """Who came in by a machine's own address: what goes back to them is left alone."""

    def install(self, link: Link, *addresses: int) -> None:
        """Translate on this cable from now on, for these addresses; the switch gives us what comes for the outside."""
        link.translate_out, link.translate_in = self.leave, self.enter
        self._links |= dict.fromkeys(addresses, link)
        link.switch.plug(self._outside, self)

    @property
    def mac(self) -> bytes:
        """Of the first machine: the switch knows no other one here."""
        return next(iter(self._links.values())).mac

    def take(self, segment: Segment, size: int, at_ns: int, *, is_corrupt: bool) -> None:
        """A segment for the outside address goes to the machine that it is for; what belongs to none is dropped."""
        end = self._inside.get(segment.destination_port)
        if end is not None:
            self._links[end[0]].take(segment, size, at_ns, is_corrupt=is_corrupt)

    def leave(self, segment: Segment) -> Segment:
        """Towards the switch."""
        end = (segment.source, segment.source_port)
        if (end, (segment.destination, segment.destination_port)) in self._visited:
            return segment
        port = self._ports.get(end)
        if port is None:
            port = self._give_out(end)
        return replace(segment, source=self._outside, source_port=port)

    def _give_out(self, end: _End) -> int:
        """The next port of the block; when all were given out, the one that was given out first."""
        first, last = self._blocks[end[0]]
        port = self._next[end[0]]
        self._next[end[0]] = port + 1 if port < last else first
        former = self._inside.pop(port, None)
        if former is not None:
            del self._ports[former]
        self._ports[end] = port
        self._inside[port] = end
        return port

    def enter(self, segment: Segment) -> Segment:
        """Towards the machine."""
        end = (segment.destination, segment.destination_port)
        if segment.destination != self._outside:
            self._visited.add((end, (segment.source, segment.source_port)))
            return segment
        end = self._inside[segment.destination_port]
        return replace(segment, destination=end[0], destination_port=end[1])

    def find_outside(self, end: _End) -> _End | None:
        """What others saw instead of a machine's end of a TCP connection; None: nothing left from there."""
        port = self._ports.get(end)
        return None if port is None else (self._outside, port)


class OneToOneNat:
    """A machine has another address for all others on a segment, and keeps its ports."""

    def __init__(self, outside: int, inside: int) -> None:
        """Both are addresses as numbers."""
        self._outside, self._inside = outside, inside

    def install(self, link: Link) -> None:
        """Translate on this cable from now on: the switch delivers the outside address alone."""
        link.translate_out, link.translate_in = self.leave, self.enter
        link.switch.unplug(self._inside)
        link.switch.plug(self._outside, link)

    def leave(self, segment: Segment) -> Segment:
        """Towards the switch."""
        return replace(segment, source=self._outside) if segment.source == self._inside else segment

    def enter(self, segment: Segment) -> Segment:
        """Towards the machine."""
        if segment.destination != self._outside:
            return segment
        return replace(segment, destination=self._inside)

    def find_outside(self, end: _End) -> _End | None:
        """What others saw instead of the machine's end of a connection."""
        return (self._outside, end[1]) if end[0] == self._inside else None
