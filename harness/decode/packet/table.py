"""PacketTable: the packets of a window of the file as columns, found without looking at each one in Python.

Only ordinary packets are in a table: enhanced packet blocks (pcapng) and records (pcap) that are whole and whose
interface is described. Every other block comes from the careful reader of the capture package, in file order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from harness.capture import block as blocks
from harness.capture.block import Block, Interface
from harness.capture.pcap import RecordReader
from harness.capture.pcapng import KEYS, NAMES, PACKET, STATISTICS, BlockReader, open_reader
from harness.capture.source import MARGIN, Source

MAX_PACKETS = 1 << 17
"""Packets of one table: their index takes 17 bits of a sort key."""
_HARMLESS = frozenset({KEYS, NAMES, STATISTICS})
"""Blocks that change nothing for the packets around them."""
_WORTHWHILE = 1000
"""Packets of a table that pay for the search."""
_MAX_SMALL = 16
"""Small tables in a row."""
START = 56
"""Bytes of each frame that are brought together: the longest link header, IPv4, and TCP up to its flags."""
_PACKET_HEAD = 28
"""Bytes of an enhanced packet block before the frame."""
_MARGIN = MARGIN >> 2
"""Words of a window that mean nothing, at its end."""
_PIECE = 1 << 18
"""Words that are compared at once: they should stay near the processor."""
_KEYS_HEAD = 16
"""Bytes of a decryption secrets block before the secrets."""
_MAX_TICKS = 1 << 62

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PacketTable:
    """Packets in file order. All columns have the same length."""

    data: memoryview
    """The window; good until the next table is asked for."""
    starts: NDArray[np.void]
    """The first START bytes of each frame; one that is shorter has bytes of others behind it."""
    first_number: int
    """Of the first packet; the others follow."""
    offset: Ints
    """Where each frame begins in `data`."""
    kept: Ints
    """Captured bytes."""
    size: Ints
    """Bytes on the wire."""
    time_ns: Ints
    interface: Ints
    """Index over the whole file."""
    interfaces: tuple[int, ...]
    """Those that occur, ascending."""

    def __len__(self) -> int:
        """Packets."""
        return len(self.offset)


def read_tables(
    stream: BinaryIO,
    *,
    window: int,
    builds: bool = True,
    keys: bool = True,
    past_damage: bool = False,
) -> Iterator[PacketTable | Block]:
    """The blocks of a capture file, with tables in the place of ordinary packets.

    Without `builds` only the other blocks, and a few packets; without `keys` only a few blocks with secrets. Those of
    several blocks may come as one. Damage is the last block, unless what is past it is asked for.

    Blocks that do not change the meaning of packets (secrets, names, statistics) may come before packets that they
    follow in the file.
    """
    source = Source(stream, reserve=_reserve)
    reader = open_reader(source, past_damage=past_damage)
    if isinstance(reader, blocks.Damage):
        yield reader
    else:
        small = 0
        while source.has(1):
            if isinstance(reader, RecordReader):
                found = _find_records(reader, window)
            else:
                found = _find_packets(reader, window, builds=builds, keys=keys)
            yield from found.passed
            if found.table is not None and builds:
                yield found.table
            # Where tables stay small, looking for them costs more than they save.
            small = 0 if found.count >= _WORTHWHILE else small + 1
            del found  # The next one takes its memory.
            for _ in range(1 << min(max(small - _MAX_SMALL, 0), 16)):
                if not source.has(1):
                    break
                block = reader.read_one()
                if block is not None:
                    yield block
    if source.problem is not None:
        yield blocks.Damage(offset=source.offset, message=source.problem)


def _reserve(size: int) -> memoryview:
    """Memory that takes place once it is written to, in large pages where the system has them."""
    return np.empty(size, np.uint8).data


@dataclass(frozen=True, slots=True)
class _Found:
    """A run of packet blocks, and the harmless blocks within it; the reader is behind them."""

    table: PacketTable | None
    count: int
    """Packets, also where there is no table."""
    passed: list[Block]


def _find_packets(reader: BlockReader, window: int, *, builds: bool, keys: bool) -> _Found:
    """What is at the reader's place; without a table where none is wanted."""
    data = reader.source.window(window)
    words = np.frombuffer(data, reader.order + "u4", len(data) >> 2)
    if len(words) < 8 + _MARGIN or not reader.interfaces:
        return _Found(None, 0, [])
    usable = np.array([interface.link_type >= 0 for interface in reader.interfaces])
    begin, end, heads = _find_candidates(words, usable)
    passed: list[Block] = []
    runs: list[tuple[int, int]] = []
    place = count = at = 0
    # Where the run of blocks ends that each candidate is in; the last one is not known to go on.
    gaps = np.flatnonzero(begin[1:] != end[:-1])
    has_keys = _are_keys(words, end[gaps], begin[gaps + 1])
    breaks = [*(gaps[~has_keys] + 1).tolist(), len(begin)]
    gaps = gaps[has_keys]
    turn = 0
    while count < MAX_PACKETS:
        if at < len(begin) and begin[at] < place:
            # Look-alikes inside a block that was passed.
            at = int(np.searchsorted(begin, place))
        if at < len(begin) and begin[at] == place:
            while breaks[turn] <= at:
                turn += 1
            last = min(breaks[turn], at + MAX_PACKETS - count)
            runs.append((at, last))
            count += last - at
            if keys and len(inside := gaps[(gaps >= at) & (gaps < last - 1)]):
                passed.append(_join_keys(data, words, end[inside]))
            place, at = int(end[last - 1]), last
            continue
        size = _harmless_size(words[:-_MARGIN], place)
        if not size:
            break
        block = reader.find_block(bytes(data[place * 4 : place * 4 + size]))
        if block is None:
            break
        passed.append(block)
        place += size >> 2
    if place == 0:
        return _Found(None, 0, passed)
    reader.source.skip(place * 4)
    if not count or not builds:
        reader.packet_count += count
        return _Found(None, count, passed)
    if len(runs) == 1:
        chosen = slice(*runs[0])
        begin, heads = begin[chosen], heads[chosen]
    else:
        rows = np.concatenate([np.arange(at, last) for at, last in runs])
        begin, heads = begin[rows], heads[rows]
    named = heads.view(_name_head(words.dtype))
    return _Found(_build_table(reader, data, begin, named), count, passed)


def _are_keys(words: NDArray[np.uint32], begin: Ints, end: Ints) -> NDArray[np.bool_]:
    """Whether there is just one whole block with a TLS key log between two places."""
    size = (end - begin) * 4
    good: NDArray[np.bool_] = size >= _KEYS_HEAD + 4
    at = np.where(good, begin, 0)
    good &= (words[at] == KEYS) & (words[at + 1] == size) & (words[end - 1] == size)
    # draft-ietf-opsawg-pcapng section 4.7: the type of the secrets, and their size.
    good &= (words[at + 2] == blocks.TLS_KEY_LOG) & (words[at + 3] <= size - _KEYS_HEAD - 4)
    return good


def _join_keys(data: memoryview, words: NDArray[np.uint32], places: Ints) -> blocks.Keys:
    """The secrets of several blocks, as lines."""
    begin = places * 4 + _KEYS_HEAD
    end = begin + words[places + 3]
    parts = map(data.__getitem__, map(slice, begin.tolist(), end.tolist()))
    return blocks.Keys(kind=blocks.TLS_KEY_LOG, data=b"\n".join(parts))


def _find_candidates(
    words: NDArray[np.uint32], usable: NDArray[np.bool_]
) -> tuple[Ints, Ints, NDArray[np.void]]:
    """Begin and end, in words, of all that looks like a whole enhanced packet block, and its first bytes."""
    limit = len(words) - _MARGIN
    pieces = [slice(at, min(at + _PIECE, limit - 7)) for at in range(0, limit - 7, _PIECE)]
    begin = np.concatenate([np.flatnonzero(words[p] == PACKET) + p.start for p in pieces])
    size = words[1:][begin]
    end = begin + (size >> 2)
    good = (size >= 32) & (size & 3 == 0) & (end <= limit)
    good &= words[np.where(good, end, 1) - 1] == size
    begin, end = begin[good], end[good]
    # All heads at once: one word of each block after the other would go through the window again and again.
    heads = np.ndarray((limit,), f"V{_PACKET_HEAD + START}", words, strides=(4,))[begin]
    named = heads.view(_name_head(words.dtype))
    local = named["interface"]
    good = (local < len(usable)) & (named["kept"] <= named["block"] - 32)
    good &= usable[np.where(good, local, 0)]
    if good.all():
        return begin, end, heads
    return begin[good], end[good], heads[good]


def _name_head(word: np.dtype[np.uint32]) -> np.dtype[np.void]:
    """The first bytes of an enhanced packet block and its frame (draft-ietf-opsawg-pcapng section 4.3)."""
    names = ("type", "block", "interface", "high", "low", "kept", "size")
    return np.dtype([*((name, word) for name in names), ("start", f"V{START}")])


def _harmless_size(words: NDArray[np.uint32], place: int) -> int:
    """Bytes of the whole block at a place that may be passed; 0: there is none."""
    if place + 3 > len(words) or int(words[place]) not in _HARMLESS:
        return 0
    size = int(words[place + 1])
    if size < 12 or size & 3 or place + (size >> 2) > len(words):
        return 0
    return size if int(words[place + (size >> 2) - 1]) == size else 0


def _build_table(
    reader: BlockReader, data: memoryview, begin: Ints, heads: NDArray[np.void]
) -> PacketTable:
    local = heads["interface"]
    ticks = heads["high"].astype(np.int64) << 32 | heads["low"]
    index = np.array([interface.index for interface in reader.interfaces], np.int64)
    present = [0] if len(index) == 1 else np.unique(local).tolist()
    number = reader.packet_count + 1
    reader.packet_count += len(begin)
    return PacketTable(
        data,
        heads["start"],
        number,
        begin * 4 + _PACKET_HEAD,
        heads["kept"].astype(np.int64),
        heads["size"].astype(np.int64),
        _count_times(reader.interfaces, local, ticks),
        index[local],
        tuple(sorted(index[present].tolist())),
    )


def _count_times(interfaces: list[Interface], local: NDArray[np.uint32], ticks: Ints) -> Ints:
    """Ticks of each packet's interface to nanoseconds."""
    if len({(i.ticks_per_second, i.offset_s) for i in interfaces}) == 1:
        return _count_time(interfaces[0], ticks)
    time_ns = np.zeros_like(ticks)
    for index, interface in enumerate(interfaces):
        mine = local == index
        time_ns[mine] = _count_time(interface, ticks[mine])
    return time_ns


def _count_time(interface: Interface, ticks: Ints) -> Ints:
    rate = interface.ticks_per_second
    offset_ns = interface.offset_s * 1_000_000_000
    if 1_000_000_000 % rate == 0 and abs(offset_ns) < _MAX_TICKS:
        factor = 1_000_000_000 // rate
        if not len(ticks) or (
            ticks.min() >= 0 and int(ticks.max()) * factor + abs(offset_ns) < 1 << 63
        ):
            return ticks * factor + offset_ns
    exact = [(int(t) & 0xFFFFFFFFFFFFFFFF) * 1_000_000_000 // rate + offset_ns for t in ticks]
    # What no clock shows is cut to what fits.
    return np.array([min(max(t, -1 << 63), (1 << 63) - 1) for t in exact], np.int64)


def _find_records(reader: RecordReader, window: int) -> _Found:
    """The run of pcap records at the reader's place; the reader is behind them.

    Nothing where the order of a record's numbers is not the ordinary one: such files are old, and small.
    """
    if not reader.interfaces or not reader.form.is_plain:
        return _Found(None, 0, [])
    data = reader.source.window(window)
    unpack = reader.head.unpack_from
    limit, head_size = reader.limit, reader.head.size
    size = len(data) - MARGIN
    end = size - head_size
    place = 0
    rows: list[tuple[int, int, int, int]] = []
    offsets: list[int] = []
    while place <= end and len(rows) < MAX_PACKETS:
        row = unpack(data, place)
        after = place + head_size + row[2]
        if row[2] > limit or after > size:
            break
        rows.append(row)
        offsets.append(place + head_size)
        place = after
    if not rows:
        return _Found(None, 0, [])
    number = reader.packet_count + 1
    reader.pass_over(len(rows), rows[-1][0])
    reader.source.skip(place)
    columns = np.array(rows, np.int64)
    offset = np.array(offsets, np.int64)
    factor = 1_000_000_000 // reader.interfaces[0].ticks_per_second
    table = PacketTable(
        data,
        np.ndarray((len(data) - START + 1,), f"V{START}", data, strides=(1,))[offset],
        number,
        offset,
        columns[:, 2],
        columns[:, 3],
        columns[:, 0] * 1_000_000_000 + columns[:, 1] * factor,
        np.zeros(len(rows), np.int64),
        (0,),
    )
    return _Found(table, len(rows), [])
