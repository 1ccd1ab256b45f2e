"""SegmentTable: the TCP headers of a PacketTable as columns, grouped by connection.

Ordinary packets only: IPv4 without options and fragments, TCP, nothing cut. The others are named, for careful decoding.
Within a group the order is that of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.decode.packet.link import ETHER_IPV4, ETHERNET, IPV4, RAW, SLL, SLL2
from harness.decode.packet.only import ALL, MIX, MIX_SHIFT, Only
from harness.decode.packet.table import Ints, PacketTable

Bools = NDArray[np.bool_]

_HEADER = np.dtype(
    [
        ("version", ">u2"),
        ("length", ">u2"),
        ("id", ">u2"),
        ("fragment", ">u2"),
        ("ttl", "u1"),
        ("protocol", "u1"),
        ("checksum", ">u2"),
        ("src", ">u4"),
        ("dst", ">u4"),
        ("src_port", ">u2"),
        ("dst_port", ">u2"),
        ("seq", ">u4"),
        ("ack", ">u4"),
        ("bits", ">u2"),
    ]
)
"""IPv4 without options (RFC 791 section 3.1), and the TCP header up to its flags (RFC 9293 section 3.1)."""
_LAYOUTS: dict[int, tuple[int | None, int]] = {
    ETHERNET: (12, 14),
    SLL: (14, 16),
    SLL2: (0, 20),
    IPV4: (None, 0),
    **dict.fromkeys(RAW, (None, 0)),
}
"""By link type: where the Ethernet type stands, and where the network layer begins."""
_MIX_1, _MIX_2, _MIX_3 = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
)
_INDEX_BITS = np.uint64(17)
_INDEX = np.uint64((1 << 17) - 1)


@dataclass(frozen=True, slots=True)
class SegmentTable:
    """Segments by group, and within a group in file order. All columns but the last two have one row a segment."""

    row: Ints
    """Of the packet table."""
    low: NDArray[np.uint64]
    """Address and port of the smaller end: 32 and 16 bits."""
    high: NDArray[np.uint64]
    from_low: Bools
    """The smaller end sent it."""
    seq: Ints
    ack: Ints
    flags: Ints
    size: Ints
    """Payload bytes."""
    place: Ints
    """Where the payload begins in the window."""
    time_ns: Ints
    interface: Ints
    start: Ints
    """First segment of each group."""
    group: Ints
    """Group of each segment."""


def find_segments(
    table: PacketTable, link_types: dict[int, int], only: Only = ALL
) -> tuple[SegmentTable | None, Ints]:
    """The ordinary TCP segments of a table, and the rows of all other packets, ascending.

    Args:
        table: The packets.
        link_types: By interface.
        only: Segments of other connections are left out of both.
    """
    begin, usable = _find_ip(table, link_types)
    after = table.offset + table.kept
    usable &= begin + 40 <= after
    rows = np.flatnonzero(usable)
    if not len(rows):
        return None, np.arange(len(table))
    begin, after = begin[rows], after[rows]
    header = _view(table.data, f"V{_HEADER.itemsize}")[begin].view(_HEADER)
    bits = header["bits"].astype(np.int64)
    length = header["length"].astype(np.int64)
    head = 20 + (bits >> 12) * 4
    good = (
        (header["version"] >> 8 == 0x45)
        & (header["fragment"] & 0x3FFF == 0)
        & (header["protocol"] == 6)
        & (head >= 40)
        & (length >= head)
        & (begin + length <= after)
    )
    other = np.concatenate([np.flatnonzero(~usable), rows[~good]])
    other.sort()
    if only != ALL:
        good &= _find_wanted(header, only)
    if not good.any():
        return None, other
    place, size = begin + head, length - head
    if not good.all():
        rows, header, place, size = rows[good], _pick(header, good), place[good], size[good]
    return _group(table, rows, header, place, size), other


def _view(data: memoryview, kind: str) -> NDArray[Any]:
    """One item of a kind at every byte of the window: headers stand anywhere."""
    dtype = np.dtype(kind)
    return np.ndarray((max(len(data) - dtype.itemsize + 1, 0),), dtype, data, strides=(1,))


def _pick(header: NDArray[np.void], chosen: Bools | Ints) -> NDArray[np.void]:
    """Some rows; numpy copies plain bytes five times as fast as named fields."""
    return header.view(f"V{_HEADER.itemsize}")[chosen].view(_HEADER)


def count_interfaces(table: PacketTable) -> list[tuple[int, int]]:
    """Interfaces of the table, and how many packets each has."""
    indexes, counts = np.unique(table.interface, return_counts=True)
    return list(zip(indexes.tolist(), counts.tolist(), strict=True))


def _find_wanted(header: NDArray[np.void], only: Only) -> Bools:
    """The same as Only.accepts."""
    wanted = np.ones(len(header), bool)
    if only.ports:
        ports = np.array(sorted(only.ports))
        wanted &= np.isin(header["src_port"], ports) | np.isin(header["dst_port"], ports)
    if only.addresses:
        addresses = np.array([int(a) for a in only.addresses if a.version == 4], np.int64)
        wanted &= np.isin(header["src"], addresses) | np.isin(header["dst"], addresses)
    if only.endpoints:
        listed = [e for e in only.endpoints if e.address.version == 4]
        keys = np.array([int(e.address) << 16 | e.port for e in listed], np.uint64)
        src, dst = _find_ends(header)
        wanted |= np.isin(src, keys) | np.isin(dst, keys)
    if only.share_count > 1:
        low, high = _find_ends(header)
        low, high = np.minimum(low, high), np.maximum(low, high)
        mixed = low * np.uint64(MIX[0]) ^ high * np.uint64(MIX[1])
        share = (mixed >> np.uint64(MIX_SHIFT)) % np.uint64(only.share_count)
        wanted &= share == np.uint64(only.share)
    return wanted


def _find_ends(header: NDArray[np.void]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Address and port of the sender, and of the receiver."""
    shift = np.uint64(16)
    return (
        header["src"].astype(np.uint64) << shift | header["src_port"],
        header["dst"].astype(np.uint64) << shift | header["dst_port"],
    )


def _find_ip(table: PacketTable, link_types: dict[int, int]) -> tuple[Ints, Bools]:
    """Where the IPv4 header of each packet begins, and whether there is one at a known place."""
    present = [index for index in table.interfaces if index in link_types]
    ether_type = _view(table.data, ">u2")
    begin = table.offset.copy()
    usable = np.zeros(len(table), bool)
    for index in present:
        layout = _LAYOUTS.get(link_types[index])
        if layout is None:
            continue
        mine: Bools | slice = slice(None) if len(present) == 1 else table.interface == index
        at, skip = layout
        begin[mine] += skip
        usable[mine] = table.kept[mine] >= skip + 20
        if at is not None:
            place = np.where(usable[mine], table.offset[mine] + at, 0)
            usable[mine] &= ether_type[place] == ETHER_IPV4
    return begin, usable


def _group(
    table: PacketTable,
    rows: Ints,
    header: NDArray[np.void],
    place: Ints,
    size: Ints,
) -> SegmentTable:
    src, dst = _find_ends(header)
    low, high = np.minimum(src, dst), np.maximum(src, dst)
    tap = table.interface[rows]
    mixed = low * _MIX_1 ^ (high * _MIX_2 + tap.astype(np.uint64) * _MIX_3)
    mixed ^= mixed >> np.uint64(29)
    mixed *= _MIX_1
    key = mixed & ~_INDEX | np.arange(len(rows), dtype=np.uint64)
    key.sort()
    order = (key & _INDEX).astype(np.int64)
    low, high, tap = low[order], high[order], tap[order]
    new = np.empty(len(order), bool)
    new[0] = True
    same = (low[1:] == low[:-1]) & (high[1:] == high[:-1]) & (tap[1:] == tap[:-1])
    new[1:] = ~same
    hashed = key >> _INDEX_BITS
    if not np.array_equal(new[1:], hashed[1:] != hashed[:-1]):
        # Two connections with one hash: sort by what was hashed.
        order = np.lexsort((order, tap, high, low))
        low, high, tap = low[order], high[order], tap[order]
        order = (key & _INDEX).astype(np.int64)[order]
        same = (low[1:] == low[:-1]) & (high[1:] == high[:-1]) & (tap[1:] == tap[:-1])
        new[1:] = ~same
    rows, header = rows[order], _pick(header, order)
    bits = header["bits"].astype(np.int64)
    return SegmentTable(
        row=rows,
        low=low,
        high=high,
        from_low=src[order] == low,
        seq=header["seq"].astype(np.int64),
        ack=header["ack"].astype(np.int64),
        flags=bits & 0x1FF,
        size=size[order],
        place=place[order],
        time_ns=table.time_ns[rows],
        interface=tap,
        start=np.flatnonzero(new),
        group=np.cumsum(new) - 1,
    )
