"""Reader of capture files: blocks out of a pcapng stream, or of a pcap one, gzip or not.

Nothing raises on bad bytes. A block that cannot be read becomes Damage, and reading ends there: what follows cannot
be told from bytes of somebody's payload. Whoever asks for what is past it gets reading on where blocks follow one
another again: a single look-alike inside a payload is not believed.
Layouts: draft-ietf-opsawg-pcapng section 4.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import BinaryIO

from harness.capture.block import (
    Block,
    Capture,
    Damage,
    Interface,
    Keys,
    Names,
    Section,
    Statistics,
    Uncaptured,
)
from harness.capture.file_kind import LOOK_SIZE, tell_kind
from harness.capture.option import (
    ByteOrder,
    decode_comments,
    decode_options,
    decode_text,
    find_value,
)
from harness.capture.pcap import RecordReader
from harness.capture.pcap_form import is_pcap
from harness.capture.source import Source
from harness.capture.tap_name import read_tap_name
from harness.net.address import Address

SECTION_HEADER = 0x0A0D0D0A
INTERFACE = 1
OLD_PACKET = 2
SIMPLE_PACKET = 3
NAMES = 4
STATISTICS = 5
PACKET = 6
KEYS = 10
UNCAPTURED = frozenset(
    {0x00000009, 0x00000204, 0x00000208, 0x00000216, 0x00000217, 0x00000221, 0x00000BAD, 0x40000BAD}
)
"""systemd journal export, sysdig events, custom blocks: frames to Wireshark."""

_MAX_BLOCK_SIZE = 256 << 20
"""Bytes; the largest secrets block seen in the wild had 55 MB."""
_CHAIN = 3
"""Blocks in a row that make a place believable; at the end of the file one is enough."""
_WINDOW = 1 << 20
_MAGIC: dict[bytes, ByteOrder] = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_SECTION_TYPE = SECTION_HEADER.to_bytes(4, "big")


class _Bad(Exception):
    """The body of a block is not what its type says."""


def read_blocks(stream: BinaryIO, *, past_damage: bool = False) -> Iterator[Block]:
    """The blocks of a capture file from the stream's present position on, in file order.

    Damage is the last of them, unless what is past it is asked for.
    """
    source = Source(stream)
    reader = open_reader(source, past_damage=past_damage)
    if isinstance(reader, Damage):
        yield reader
    else:
        while source.has(1):
            block = reader.read_one()
            if block is not None:
                yield block
    if source.problem is not None:
        yield Damage(offset=source.offset, message=source.problem)


def open_reader(source: Source, *, past_damage: bool) -> BlockReader | RecordReader | Damage:
    """The reader for what the file is; it reads one block after the other while the source has bytes."""
    start = source.look(LOOK_SIZE)
    if is_pcap(start):
        return RecordReader(source, past_damage=past_damage)
    if start.startswith(_SECTION_TYPE):
        return BlockReader(source, past_damage=past_damage)
    if start:
        what = f"found {tell_kind(start) or start[:8].hex(' ')}"
    else:
        what = source.problem or "the file is empty"
        source.end()
    return Damage(offset=0, message=f"not a capture: expected pcapng, pcap or gzip of them; {what}")


def read_keys(stream: BinaryIO) -> Iterator[Keys]:
    """Only the secrets of a capture file, wherever they stand in it, past damage too; faster than read_blocks."""
    source = Source(stream)
    if source.look(4) == _SECTION_TYPE:
        reader = BlockReader(source, past_damage=True)
        while source.has(1):
            block = reader.read_one(only=KEYS)
            if isinstance(block, Keys):
                yield block


class BlockReader:
    """Reads one pcapng stream; all state of the present section is here."""

    def __init__(self, source: Source, *, past_damage: bool) -> None:
        """Begin at the source's place; `past_damage`: go on behind it."""
        self.source = source
        self._past_damage = past_damage
        self.order: ByteOrder = "<"
        self.interfaces: list[Interface] = []
        """Those of this section; a damaged one has the link type -1."""
        self.packet_count = 0
        """Packets so far: the number of the last one."""
        self._section = -1
        self._all: list[Interface] = []

    def read_one(self, *, only: int | None = None) -> Block | None:
        """The next block; None for a type without meaning here, or for any other than `only`. The source has bytes."""
        source = self.source
        raw = self._look()
        if isinstance(raw, str):
            return self._resume(raw)
        offset = source.offset
        source.skip(len(raw))
        if raw.startswith(_SECTION_TYPE):
            self.order = _MAGIC[raw[8:12]]
        kind = int.from_bytes(raw[:4], "little" if self.order == "<" else "big")
        if only is not None and kind != only:
            return None
        try:
            return self._decode(kind, raw[8:-4])
        except (_Bad, struct.error) as problem:
            message = f"block type {kind}: {problem}"
            if not self._past_damage:
                source.end()
                return Damage(offset=offset, message=message)
            return Damage(offset=offset, message=message, resumed=source.offset)

    def find_block(self, raw: bytes) -> Block | None:
        """What a whole block of this section holds; None where that cannot be read, or is nothing."""
        kind = int.from_bytes(raw[:4], "little" if self.order == "<" else "big")
        try:
            return self._decode(kind, raw[8:-4])
        except (_Bad, struct.error):
            return None

    def _look(self) -> bytes | str:
        """The whole next block, or what is wrong with it."""
        head = self.source.look(8)
        if not head.startswith(_SECTION_TYPE) and len(head) == 8:
            # The ordinary case, without a second look at each field.
            size = int.from_bytes(head[4:], "little" if self.order == "<" else "big")
            if 12 <= size <= _MAX_BLOCK_SIZE and size % 4 == 0:
                raw = self.source.look(size)
                if len(raw) == size and raw[-4:] == head[4:]:
                    return raw
        found = self._block_size(0)
        return found if isinstance(found, str) else self.source.look(found)

    def _block_size(self, skip: int, order: ByteOrder | None = None) -> int | str:
        """Size of the block that begins `skip` bytes ahead, or what is wrong with it."""
        order = order or self.order
        head = self.source.look(12, skip=skip)
        if len(head) < 12:
            return self.source.tell_end(f"{len(head)} bytes into a block")
        if head.startswith(_SECTION_TYPE):
            magic = _MAGIC.get(head[8:12])
            if magic is None:
                return f"section header with byte order {head[8:12].hex(' ')}"
            order = magic
        size = int(struct.unpack_from(order + "I", head, 4)[0])
        if size < 12 or size % 4 or size > _MAX_BLOCK_SIZE:
            return f"block length {size}"
        if not self.source.has(skip + size):
            return self.source.tell_end(f"inside a block of {size} bytes")
        trailer = int(struct.unpack(order + "I", self.source.look(4, skip=skip + size - 4))[0])
        if trailer != size:
            return f"block length {size} at its begin, {trailer} at its end"
        return size

    def _resume(self, message: str) -> Damage:
        """Take bytes up to the next chain of blocks if what is past damage is wanted, or else all of them."""
        source = self.source
        offset = source.offset
        if not self._past_damage:
            source.end()
            return Damage(offset=offset, message=message)
        kinds = (INTERFACE, OLD_PACKET, SIMPLE_PACKET, NAMES, STATISTICS, PACKET, KEYS)
        known = b"|".join(re.escape(struct.pack(self.order + "I", kind)) for kind in kinds)
        # The look-ahead keeps a match from hiding one that begins inside it.
        pattern = re.compile(b"(?=" + known + b"|" + re.escape(_SECTION_TYPE) + b")", re.DOTALL)
        source.take(1)
        while source.has(12):
            window = source.look(_WINDOW)
            for match in pattern.finditer(window):
                if match.start() + 12 <= len(window) and self._is_chain(match.start()):
                    source.take(match.start())
                    return Damage(offset=offset, message=message, resumed=source.offset)
            source.take(max(len(window) - 11, 1))
        source.take(12)
        source.drop_told(message)
        return Damage(offset=offset, message=message)

    def _is_chain(self, skip: int) -> bool:
        """Whether enough blocks follow one another from there."""
        order = self.order
        begin = skip
        for _ in range(_CHAIN):
            size = self._block_size(skip, order)
            if isinstance(size, str):
                return skip > begin and not self.source.has(skip + 1)
            head = self.source.look(12, skip=skip)
            if head.startswith(_SECTION_TYPE):
                order = _MAGIC[head[8:12]]
            skip += size
        return True

    def _decode(self, kind: int, body: bytes) -> Block | None:
        if kind in (PACKET, OLD_PACKET):
            return self._decode_packet(kind, body)
        if kind == SECTION_HEADER:
            return self._decode_section(body)
        if kind == INTERFACE:
            return self._decode_interface(body)
        if kind == SIMPLE_PACKET:
            return self._decode_simple_packet(body)
        if kind == NAMES:
            return _decode_names(body, self.order)
        if kind == STATISTICS:
            return self._decode_statistics(body)
        if kind == KEYS:
            return self._decode_keys(body)
        if kind in UNCAPTURED:
            self.packet_count += 1
            return Uncaptured(number=self.packet_count, kind=kind)
        return None

    def _decode_section(self, body: bytes) -> Section:
        major = struct.unpack_from(self.order + "H", body, 4)[0]
        self._section += 1
        self.interfaces = []
        if major != 1:
            raise _Bad(f"version {major} of the format is not known")
        options = decode_options(body[16:], self.order)
        return Section(
            comments=decode_comments(options),
            hardware=decode_text(find_value(options, 2) or b""),
            os=decode_text(find_value(options, 3) or b""),
            application=decode_text(find_value(options, 4) or b""),
        )

    def _decode_interface(self, body: bytes) -> Interface:
        if len(body) < 8:
            # It still takes its number, or the packets of the next one would become its own.
            unusable = Interface(index=len(self._all), section=self._section, link_type=-1)
            self._all.append(unusable)
            self.interfaces.append(unusable)
            raise _Bad(f"an interface in {len(body)} bytes")
        link_type, snap_length = struct.unpack_from(self.order + "HxxI", body)
        options = decode_options(body[8:], self.order)
        resolution = find_value(options, 9)
        offset = find_value(options, 14)
        interface = Interface(
            index=len(self._all),
            section=self._section,
            link_type=link_type,
            snap_length=snap_length,
            name=read_tap_name(decode_text(find_value(options, 2) or b"")),
            description=decode_text(find_value(options, 3) or b""),
            ticks_per_second=_ticks(resolution[0]) if resolution else 1_000_000,
            offset_s=struct.unpack(self.order + "q", offset)[0]
            if offset and len(offset) == 8
            else 0,
            comments=decode_comments(options),
        )
        self._all.append(interface)
        self.interfaces.append(interface)
        return interface

    def _interface(self, index: int) -> Interface:
        if index >= len(self.interfaces):
            raise _Bad(
                f"interface {index} is not described; the section has {len(self.interfaces)}"
            )
        if self.interfaces[index].link_type < 0:
            raise _Bad(f"the description of interface {index} is damaged")
        return self.interfaces[index]

    def _time(self, interface: Interface, high: int, low: int) -> int:
        ticks = (high << 32) | low
        time_ns = ticks * 1_000_000_000 // interface.ticks_per_second
        time_ns += interface.offset_s * 1_000_000_000
        # What no clock shows is cut to what the columns of a trace hold: 64 bits, signed.
        return min(max(time_ns, -1 << 63), (1 << 63) - 1)

    def _decode_packet(self, kind: int, body: bytes) -> Capture:
        layout = "IIIII" if kind == PACKET else "HxxIIII"
        index, high, low, kept, size = struct.unpack_from(self.order + layout, body)
        interface = self._interface(index)
        if 20 + kept > len(body):
            raise _Bad(f"{kept} captured bytes in a block that has room for {len(body) - 20}")
        self.packet_count += 1
        end = 20 + kept + (-kept % 4)
        return Capture(
            number=self.packet_count,
            interface=interface.index,
            time_ns=self._time(interface, high, low),
            size=size,
            data=body[20 : 20 + kept],
            comments=decode_comments(decode_options(body[end:], self.order))
            if len(body) > end
            else (),
        )

    def _decode_simple_packet(self, body: bytes) -> Capture:
        (size,) = struct.unpack_from(self.order + "I", body)
        interface = self._interface(0)
        kept = min(size, interface.snap_length or size)
        if 4 + kept > len(body):
            raise _Bad(f"{kept} captured bytes in a block that has room for {len(body) - 4}")
        self.packet_count += 1
        return Capture(
            number=self.packet_count,
            interface=interface.index,
            time_ns=0,
            size=size,
            data=body[4 : 4 + kept],
        )

    def _decode_statistics(self, body: bytes) -> Statistics:
        (index,) = struct.unpack_from(self.order + "I", body)
        interface = self._interface(index)
        options = decode_options(body[12:], self.order)

        def counter(code: int) -> int | None:
            value = find_value(options, code)
            return struct.unpack(self.order + "Q", value)[0] if value and len(value) == 8 else None

        def moment(code: int) -> int | None:
            value = find_value(options, code)
            if value is None or len(value) != 8:
                return None
            return self._time(interface, *struct.unpack(self.order + "II", value))

        return Statistics(
            interface=interface.index,
            received=counter(4),
            dropped=counter(5),
            delivered=counter(8),
            start_ns=moment(2),
            end_ns=moment(3),
            comments=decode_comments(options),
        )

    def _decode_keys(self, body: bytes) -> Keys:
        kind, size = struct.unpack_from(self.order + "II", body)
        if 8 + size > len(body):
            raise _Bad(f"{size} bytes of secrets in a block that has room for {len(body) - 8}")
        return Keys(kind=kind, data=body[8 : 8 + size])


def _ticks(resolution: int) -> int:
    """Ticks a second from if_tsresol: a power of two or of ten."""
    return 1 << (resolution & 0x7F) if resolution & 0x80 else 10 ** (resolution & 0x7F)


def _decode_names(body: bytes, order: ByteOrder) -> Names:
    found: list[tuple[Address, tuple[str, ...]]] = []
    offset = 0
    while offset + 4 <= len(body):
        kind, size = struct.unpack_from(order + "HH", body, offset)
        record = body[offset + 4 : offset + 4 + size]
        offset += 4 + size + (-size % 4)
        if kind == 0:
            break
        address_size = {1: 4, 2: 16}.get(kind)
        if address_size is None or len(record) < size or size < address_size:
            continue  # EUI-48 and EUI-64 names, and records longer than their block.
        raw = record[:address_size]
        address: Address = IPv4Address(raw) if kind == 1 else IPv6Address(raw)
        texts = tuple(decode_text(part) for part in record[address_size:].split(b"\0") if part)
        found.append((address, texts))
    return Names(names=tuple(found))
