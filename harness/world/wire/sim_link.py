"""The simulated segments: a switch with a tap, and one cable to each machine, which may be as bad as one likes.

A fault of a cable hits what a machine sends before the tap sees it, and what it gets after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from harness.world.entropy import Entropy
from harness.world.recorder.recording import Frame, TapCount
from harness.world.wire.sim_frame import (
    ETHERNET_BYTES,
    Segment,
    build_frame,
    build_packet,
)
from harness.world.wire.sim_loop import Agenda

NANOSECONDS_A_BYTE = 8
"""1 Gbit/s."""
_OVERHEAD_BYTES = 24
"""Preamble, check sequence and gap of an Ethernet frame."""
DELAY_NS = 20_000
_MTU = 1500
_REORDERED_NS = 5_000_000
"""So much later comes a packet that others overtake, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """How a cable treats packets, both ways; chances are from 0 to 1."""

    delay_ns: int = DELAY_NS
    extra_ns: int = 0
    """Added to the usual delay."""
    jitter_ns: int = 0
    """Up to so much more delay, for each packet anew: they may overtake each other."""
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    """Segments that come 5 ms late."""
    corrupt: float = 0.0
    """One bit turns over; the receiver sees that by the checksum."""
    mtu: int = _MTU
    """Bytes of an IP packet; the machine knows it and makes smaller segments."""
    cut: bool = False
    """Nothing passes."""

    @property
    def is_plain(self) -> bool:
        """Every packet passes, after the same time."""
        return not (
            self.jitter_ns
            or self.loss
            or self.duplicate
            or self.reorder
            or self.corrupt
            or self.cut
            or self.mtu < _MTU
        )


GOOD = LinkSettings()


@dataclass(slots=True, eq=False)
class SimTap:
    """What one tap has seen."""

    name: str
    index: int
    frames: list[Frame] = field(default_factory=list)

    def record(self, time_ns: int, frame: bytes) -> None:
        """Keep a frame."""
        self.frames.append(Frame(self.index, time_ns, len(frame), frame))

    def count(self) -> TapCount:
        """A simulated tap loses nothing: everything that it saw is kept."""
        seen = len(self.frames)
        return TapCount(name=self.name, received=seen, dropped=0, freezes=0, written=seen)


class Plug(Protocol):
    """What takes the packets for an address out of a switch."""

    @property
    def mac(self) -> bytes:
        """Of the interface."""
        ...

    def take(self, packet: Segment, size: int, at_ns: int, *, is_corrupt: bool) -> None:
        """A packet leaves the switch at a time to come."""
        ...


class Link:
    """The cable between one machine and a switch."""

    def __init__(
        self,
        agenda: Agenda,
        switch: Switch,
        chance: Entropy,
        *,
        mac: bytes,
        deliver: Callable[[Segment], None],
    ) -> None:
        """Plug it in.

        Args:
            agenda: the time.
            switch: the other end.
            chance: decides what a bad cable does.
            mac: of the machine's interface.
            deliver: takes packets for the machine.
        """
        self._settings = GOOD
        self._is_plain = True
        self.switch = switch
        self.mac = mac
        self.translate_out: Callable[[Segment], Segment] = lambda packet: packet
        """Address translation of what the machine sends, before the tap."""
        self.translate_in: Callable[[Segment], Segment] = lambda packet: packet
        """Address translation of what comes for the machine, behind the tap."""
        self._agenda = agenda
        self._chance = chance
        self._deliver = deliver
        self._free_ns = [0, 0]
        """When each direction has sent its last frame out: frames queue."""
        self._count = 0

    @property
    def settings(self) -> LinkSettings:
        """How the cable is."""
        return self._settings

    @settings.setter
    def settings(self, settings: LinkSettings) -> None:
        self._settings, self._is_plain = settings, settings.is_plain

    def send(self, packet: Segment) -> None:
        """A packet of the machine's goes to the switch."""
        packet = self.translate_out(packet)
        self._count = (self._count + 1) & 0xFFFF
        data = build_packet(packet, identification=self._count)
        frame = build_frame(
            data, source_mac=self.mac, destination_mac=self.switch.mac_of(packet.destination)
        )
        now_ns = self._agenda.now_ns
        if self._is_plain:
            after_ns = self._cross(len(frame), 0, now_ns)
            self.switch.carry(packet, frame, now_ns + after_ns, is_corrupt=False)
            return
        for after_ns, is_corrupt in self._pass(len(frame), 0, now_ns):
            seen = self._corrupt(frame) if is_corrupt else frame
            self.switch.carry(packet, seen, now_ns + after_ns, is_corrupt=is_corrupt)

    def take(self, packet: Segment, size: int, at_ns: int, *, is_corrupt: bool) -> None:
        """A packet for the machine leaves the switch at a time to come."""
        wait_ns = at_ns - self._agenda.now_ns
        if self._is_plain and not is_corrupt:
            after_ns = self._cross(size, 1, at_ns)
            self._agenda.put(wait_ns + after_ns, self._deliver, self.translate_in(packet))
            return
        for after_ns, is_damaged in self._pass(size, 1, at_ns):
            if is_corrupt or is_damaged:
                continue  # Its checksum is wrong, and the machine throws it away.
            self._agenda.put(wait_ns + after_ns, self._deliver, self.translate_in(packet))

    def _cross(self, size: int, direction: int, at_ns: int) -> int:
        """How long a frame takes that is sent then, behind all that were sent before."""
        free_ns = self._free_ns[direction]
        out_ns = (free_ns if free_ns > at_ns else at_ns) + (
            size + _OVERHEAD_BYTES
        ) * NANOSECONDS_A_BYTE
        self._free_ns[direction] = out_ns
        return out_ns - at_ns + self._settings.delay_ns + self._settings.extra_ns

    def _pass(self, size: int, direction: int, at_ns: int) -> Iterator[tuple[int, bool]]:
        """After which delays a frame arrives, and whether it was corrupted; none: it is lost."""
        settings = self._settings
        delay_ns = self._cross(size, direction, at_ns)
        chance = self._chance.chance
        if settings.cut or size - ETHERNET_BYTES > settings.mtu or chance() < settings.loss:
            return
        for _ in range(2 if chance() < settings.duplicate else 1):
            late_ns = int(chance() * settings.jitter_ns) if settings.jitter_ns else 0
            late_ns += _REORDERED_NS if chance() < settings.reorder else 0
            yield delay_ns + late_ns, chance() < settings.corrupt

    def _corrupt(self, frame: bytes) -> bytes:
        """Turn one bit over, behind the addresses, so that it is still the same conversation's."""
        head = 24 if frame[ETHERNET_BYTES] >> 4 == 4 else 44
        first = min(ETHERNET_BYTES + head, len(frame) - 1)
        bit = self._chance.below((len(frame) - first) * 8)
        damaged = bytearray(frame)
        damaged[first + bit // 8] ^= 1 << bit % 8
        return bytes(damaged)


class Switch:
    """One segment: every frame on it passes the tap."""

    def __init__(
        self, agenda: Agenda, name: str, tap: SimTap, *, start_ns: int, unowned: bytes
    ) -> None:
        """Nobody is plugged in yet.

        Args:
            agenda: the time.
            name: of the segment.
            tap: sees every frame.
            start_ns: nanoseconds since the epoch at which the agenda began.
            unowned: MAC that stands for addresses nobody has.
        """
        self.name = name
        self.tap = tap
        self._agenda = agenda
        self._start_ns = start_ns
        self._unowned = unowned
        self._plugs: dict[int, Plug] = {}

    def plug(self, address: int, plug: Plug) -> None:
        """Deliver an address there."""
        self._plugs[address] = plug

    def unplug(self, address: int) -> None:
        """Deliver an address nowhere."""
        self._plugs.pop(address, None)

    def has(self, address: int) -> bool:
        """Somebody owns the address here."""
        return address in self._plugs

    def mac_of(self, address: int) -> bytes:
        """Of the interface that owns an address."""
        plug = self._plugs.get(address)
        return self._unowned if plug is None else plug.mac

    def carry(self, packet: Segment, frame: bytes, at_ns: int, *, is_corrupt: bool) -> None:
        """Show a frame to the tap, at a time to come, and hand it on."""
        self.tap.record(self._start_ns + at_ns, frame)
        plug = self._plugs.get(packet.destination)
        if plug is not None:
            plug.take(packet, len(frame), at_ns, is_corrupt=is_corrupt)
