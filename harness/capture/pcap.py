"""Reader of pcap files (draft-ietf-opsawg-pcap): micro- and nanoseconds, both byte orders, as blocks."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

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


def read_records(source: Source) -> Iterator[Block]:
    """A section, an interface, and every packet; nothing raises."""
    header = source.take(24)
    order, ticks = _MAGIC[header[:4]]
    if len(header) < 24:
        yield Damage(offset=0, message=f"the file ends {len(header)} bytes into its header")
        return
    snap_length, link_type = struct.unpack_from(order + "II", header, 16)
    yield Section()
    # The upper half of the word tells of the frame check sequence; the IP length makes it harmless.
    yield Interface(
        index=0,
        section=0,
        link_type=link_type & 0xFFFF,
        snap_length=snap_length,
        ticks_per_second=ticks,
    )
    yield from _Records(source, order, ticks, snap_length).read()


class _Records:
    """The records after the file header."""

    def __init__(self, source: Source, order: ByteOrder, ticks: int, snap_length: int) -> None:
        self._source = source
        self._head = struct.Struct(order + "IIII")
        self._order = order
        self._ticks = ticks
        self._limit = max(snap_length if snap_length < 1 << 24 else 0, _MAX_PACKET_SIZE)
        self._last_s: int | None = None

    def read(self) -> Iterator[Block]:
        """Yield packets and damage."""
        source = self._source
        number = 0
        while source.has(1):
            head = source.look(16)
            if len(head) < 16:
                yield Damage(
                    offset=source.offset,
                    message=f"the file ends {len(head)} bytes into a record header",
                )
                return
            seconds, fraction, kept, size = self._head.unpack(head)
            if kept > self._limit:
                yield self._resume(f"a record of {kept} bytes")
                continue
            if not source.has(16 + kept):
                yield self._resume(f"the file ends inside a record of {kept} bytes")
                continue
            source.take(16)
            number += 1
            self._last_s = seconds
            time_ns = seconds * 1_000_000_000 + fraction * (1_000_000_000 // self._ticks)
            yield Capture(
                number=number, interface=0, time_ns=time_ns, size=size, data=source.take(kept)
            )

    def _resume(self, message: str) -> Damage:
        """Take bytes up to a chain of records of about the same day, or all of them."""
        source = self._source
        offset = source.offset
        if self._last_s is None:
            while source.take(_WINDOW):
                pass
            return Damage(offset=offset, message=message)
        high = self._last_s >> 16
        words = [struct.pack(self._order + "H", half & 0xFFFF) for half in (high, high + 1)]
        lead = b"" if self._order == ">" else b".."
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
            head = self._source.look(16, skip=skip)
            if len(head) < 16:
                return skip > begin and not head
            seconds, fraction, kept, size = self._head.unpack(head)
            believable = (
                0 < kept <= self._limit
                and kept <= size <= 4 * _MAX_PACKET_SIZE
                and fraction < self._ticks
                and abs(seconds - self._last_s) < _DAY_S
            )
            if not believable or not self._source.has(skip + 16 + kept):
                return False
            skip += 16 + kept
        return True
