"""Reader of pcap files (draft-ietf-opsawg-pcap) in all their layouts, as blocks."""

from __future__ import annotations

import re
import struct

from harness.capture.block import Block, Capture, Damage, Interface, Section
from harness.capture.pcap_form import MAX_PACKET_SIZE, read_form
from harness.capture.source import Source

_CHAIN = 4
"""Records in a row that make a place believable after damage."""
_WINDOW = 1 << 20
_DAY_S = 86_400


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
        self._last_s: int | None = None
        self._damage = ""
        header = source.look(24)
        if len(header) < 24:
            self._damage = source.tell_end(f"{len(header)} bytes into its header")
            return
        self.form, link_type = read_form(source)
        self.head = self.form.build_head()
        (snap_length,) = struct.unpack_from(self.form.order + "I", header, 16)
        self.limit = max(snap_length if snap_length < 1 << 24 else 0, MAX_PACKET_SIZE)
        """Captured bytes of a packet above which a record is not believed."""
        interface = Interface(
            index=0,
            section=0,
            link_type=link_type,
            snap_length=snap_length,
            ticks_per_second=self.form.ticks_per_second,
        )
        self._begun = [interface, Section()]

    def read_one(self) -> Block | None:
        """The next block; None where there is none. The source has bytes."""
        source = self.source
        if self._damage:
            source.take(24)
            source.drop_told(self._damage)
            return Damage(offset=0, message=self._damage)
        if self._begun:
            return self._begin()
        head_size = self.head.size
        head = source.look(head_size)
        if len(head) < head_size:
            return self._resume(source.tell_end(f"{len(head)} bytes into a record header"))
        seconds, fraction, *lengths = self.head.unpack(head)
        kept, size = self.form.sort_lengths(*lengths)
        if kept > self.limit:
            return self._resume(f"a record of {kept} bytes")
        if not source.has(head_size + kept):
            return self._resume(source.tell_end(f"inside a record of {kept} bytes"))
        source.take(head_size)
        self.packet_count += 1
        self._last_s = seconds
        ticks_ns = 1_000_000_000 // self.form.ticks_per_second
        return Capture(
            number=self.packet_count,
            interface=0,
            time_ns=seconds * 1_000_000_000 + fraction * ticks_ns,
            size=size,
            data=source.take(kept),
        )

    def _begin(self) -> Block:
        """The section, then the interface: the file header is taken with the latter."""
        block = self._begun.pop()
        if isinstance(block, Interface):
            self.source.take(self.form.file_head_size)
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
        words = [struct.pack(self.form.order + "H", half & 0xFFFF) for half in (high, high + 1)]
        lead = b"" if self.form.order == ">" else b".."
        pattern = re.compile(
            b"(?=" + lead + b"(?:" + b"|".join(map(re.escape, words)) + b"))", re.DOTALL
        )
        head_size = self.head.size
        source.take(1)
        while source.has(head_size):
            window = source.look(_WINDOW)
            for match in pattern.finditer(window):
                if match.start() + head_size <= len(window) and self._is_chain(match.start()):
                    source.take(match.start())
                    return Damage(offset=offset, message=message, resumed=source.offset)
            source.take(max(len(window) - head_size + 1, 1))
        source.take(head_size)
        source.drop_told(message)
        return Damage(offset=offset, message=message)

    def _is_chain(self, skip: int) -> bool:
        assert self._last_s is not None
        begin = skip
        head_size = self.head.size
        for _ in range(_CHAIN):
            head = self.source.look(head_size, skip=skip)
            if len(head) < head_size:
                return skip > begin and not head
            seconds, fraction, *lengths = self.head.unpack(head)
            kept, size = self.form.sort_lengths(*lengths)
            believable = (
                0 < kept <= self.limit
                and kept <= size <= 4 * MAX_PACKET_SIZE
                and fraction < self.form.ticks_per_second
                and abs(seconds - self._last_s) < _DAY_S
            )
            if not believable or not self.source.has(skip + head_size + kept):
                return False
            skip += head_size + kept
        return True
