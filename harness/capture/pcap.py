"""Reader of pcap files (draft-ietf-opsawg-pcap): micro- and nanoseconds, both byte orders, as blocks."""

from __future__ import annotations

import re
import struct

from harness.capture.block import Block, Capture, Damage, Interface, Section
from harness.capture.option import ByteOrder
from harness.capture.source import Source

_MAGIC: dict[bytes, tuple[ByteOrder, int]] = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
}
_MAX_PACKET_SIZE = 256 << 10
"""libpcap's own limit for one packet."""
_CHAIN = 4
"""Records in a row that make a place believable after damage."""
_WINDOW = 1 << 20
_DAY_S = 86_400


def is_pcap(start: bytes) -> bool:
    """Whether a file that begins so is a pcap file."""
    return start[:4] in _MAGIC


class RecordReader:
    """Reads one pcap file: a section, an interface, and every packet; nothing raises."""

    def __init__(self, source: Source, *, past_damage: bool) -> None:
        """Take the file header; `past_damage`: go on behind it."""
        self.source = source
        self._past_damage = past_damage
        self.packet_count = 0
        """Packets so far: the number of the last one."""
        self._begun: list[Block] = []
        """What the file header says, not given yet, last first."""
        self.interfaces: list[Interface] = []
        """The only one, once it was given."""
        header = source.look(24)
        self.order, self._ticks = _MAGIC[header[:4]]
        self.head = struct.Struct(self.order + "IIII")
        self._last_s: int | None = None
        self.limit = _MAX_PACKET_SIZE
        """Captured bytes of a packet above which a record is not believed."""
        if len(header) < 24:
            self._damage = f"the file ends {len(header)} bytes into its header"
            return
        self._damage = ""
        snap_length, link_type = struct.unpack_from(self.order + "II", header, 16)
        self.limit = max(snap_length if snap_length < 1 << 24 else 0, _MAX_PACKET_SIZE)
        # The upper half of the word tells of the frame check sequence; the IP length makes it harmless.
        interface = Interface(
            index=0,
            section=0,
            link_type=link_type & 0xFFFF,
            snap_length=snap_length,
            ticks_per_second=self._ticks,
        )
        self._begun = [interface, Section()]

    def read_one(self) -> Block | None:
        """The next block; None where there is none. The source has bytes."""
        source = self.source
        if self._damage:
            source.take(24)
            return Damage(offset=0, message=self._damage)
        if self._begun:
            return self._begin()
        head = source.look(16)
        if len(head) < 16:
            return self._resume(f"the file ends {len(head)} bytes into a record header")
        seconds, fraction, kept, size = self.head.unpack(head)
        if kept > self.limit:
            return self._resume(f"a record of {kept} bytes")
        if not source.has(16 + kept):
            return self._resume(f"the file ends inside a record of {kept} bytes")
        source.take(16)
        self.packet_count += 1
        self._last_s = seconds
        time_ns = seconds * 1_000_000_000 + fraction * (1_000_000_000 // self._ticks)
        return Capture(
            number=self.packet_count,
            interface=0,
            time_ns=time_ns,
            size=size,
            data=source.take(kept),
        )

    def _begin(self) -> Block:
        """The section, then the interface: the file header is taken with the latter."""
        block = self._begun.pop()
        if isinstance(block, Interface):
            self.source.take(24)
            self.interfaces.append(block)
        return block

    def pass_over(self, count: int, seconds: int) -> None:
        """Packets were read by somebody else, the last one at this time."""
        self.packet_count += count
        self._last_s = seconds

    def _resume(self, message: str) -> Damage:
        """Take bytes up to a chain of records of about the same day if what is past damage is wanted, or else all."""
        source = self.source
        offset = source.offset
        if self._last_s is None or not self._past_damage:
            source.end()
            return Damage(offset=offset, message=message)
        high = self._last_s >> 16
        words = [struct.pack(self.order + "H", half & 0xFFFF) for half in (high, high + 1)]
        lead = b"" if self.order == ">" else b".."
        pattern = re.compile(
            b"(?=" + lead + b"(?:" + b"|".join(map(re.escape, words)) + b"))", re.DOTALL
        )
        source.take(1)
        while source.has(16):
            window = source.look(_WINDOW)
            for match in pattern.finditer(window):
                if match.start() + 16 <= len(window) and self._is_chain(match.start()):
                    source.take(match.start())
                    return Damage(offset=offset, message=message, resumed=source.offset)
            source.take(max(len(window) - 15, 1))
        source.take(16)
        return Damage(offset=offset, message=message)

    def _is_chain(self, skip: int) -> bool:
        assert self._last_s is not None
        begin = skip
        for _ in range(_CHAIN):
            head = self.source.look(16, skip=skip)
            if len(head) < 16:
                return skip > begin and not head
            seconds, fraction, kept, size = self.head.unpack(head)
            believable = (
                0 < kept <= self.limit
                and kept <= size <= 4 * _MAX_PACKET_SIZE
                and fraction < self._ticks
                and abs(seconds - self._last_s) < _DAY_S
            )
            if not believable or not self.source.has(skip + 16 + kept):
                return False
            skip += 16 + kept
        return True
