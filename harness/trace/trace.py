"""The trace: everything that one capture (or several of one event) showed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.net.address import Address
from harness.trace.connection import Connection
from harness.trace.packet import Packet, PacketNumber
from harness.trace.packet_list import PacketList

EVERYTHING = range(1 << 62)
"""All packet numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """One capture interface and what the kernel says about it."""

    name: str
    link_type: int
    packet_count: int
    """Packets of this tap in the file."""
    received: int | None = None
    """What the kernel saw, drops included; None: the file does not say."""
    dropped: int | None = None
    freezes: int | None = None
    """Times the ring was full and frozen."""
    started: PacketNumber | None = None
    """The start sentinel; None: not in the file."""
    stopped: PacketNumber | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A place in the file that could not be used."""

    offset: int
    """Bytes from the start of the (uncompressed) file."""
    message: str
    packets_before: int = 0
    """How many packets of the file precede it: the number of the last of them."""

    def count_past(self, packets: Sequence[PacketNumber]) -> int:
        """How many of these packets, in order, lie behind it."""
        return len(packets) - bisect_right(packets, self.packets_before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All observations of a capture. Pure data."""

    packets: Sequence[Packet] = ()
    """By number; as decoded, a PacketList."""
    connections: tuple[Connection, ...] = ()
    taps: tuple[Tap, ...] = ()
    host_names: Mapping[Address, tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Tagged section comments, by tag, without it: `site/1`, `scenario/1`, `expectation/1`, `run/1`."""
    damage: tuple[Damage, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Packets that were not followed, counted by reason."""
    slack_ns: int = 0
    """By how much times of different taps may be apart: several files, several clocks."""

    left_out: int = 0
    """Connections that were whole and at no address of the site, in a large capture of others: only counted."""
    own: range = EVERYTHING
    """Of a part of a large capture: numbers of the packets that are judged here. Connections that begin at others are
    here for what they tell about these; `packets` are those of all parts."""

    @property
    def is_part(self) -> bool:
        """Whether there are connections of the capture that are not here."""
        return self.own != EVERYTHING

    def owns(self, connection: Connection) -> bool:
        """Whether a connection is counted here, and in no other part."""
        return not self.is_part or connection.packets[0] in self.own

    def packet(self, number: PacketNumber) -> Packet:
        """The packet with this 1-based number.

        Raises:
            IndexError: it is not here.
        """
        packet = PacketList.of(self.packets).find(number)
        if packet is None:
            raise IndexError(number)
        return packet
