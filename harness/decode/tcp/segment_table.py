"""SegmentTable: the TCP headers of a PacketTable as columns, grouped by connection.

Ordinary packets only: IPv4 without options and fragments, TCP, nothing cut. The others are named, for careful decoding.
Within a group the order is that of the file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.decode.packet.link import ETHER_IPV4, ETHERNET, IPV4, RAW, SLL, SLL2
from harness.decode.packet.only import ALL, MIX, MIX_SHIFT, Only
from harness.decode.packet.table import START, Ints, PacketTable

Bools = NDArray[np.bool_]
Ends = NDArray[np.uint64]
"""Address and port of IPv4: 32 and 16 bits."""

_HEADER = np.dtype(
    [
        ("version", "u1"),
        ("service", "u1"),
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
_FLAGS = np.uint16(0x1FF)
_INDEX_BITS = np.uint64(17)
_INDEX = np.uint64((1 << 17) - 1)


@dataclass(frozen=True, slots=True)
class SegmentTable:
    """Segments by group, and within a group in file order. All columns but the last two have one row a segment."""

    row: Ints
    """Of the packet table."""
    low: Ends
    """The smaller end."""
    high: Ends
    from_low: Bools
    """The smaller end sent it."""
    seq: NDArray[np.uint32]
    ack: NDArray[np.uint32]
    flags: NDArray[np.uint16]
    size: Ints
    """Payload bytes."""
    place: Ints
    """Where the payload begins in the window."""
    time_ns: Ints
    interface: Ints
    """Of those that are one tap the first."""
    start: Ints
    """First segment of each group."""
    group: Ints
    """Group of each segment."""


def find_segments(
    table: PacketTable,
    link_types: dict[int, int],
    only: Only = ALL,
    *,
    alike: Ints | None = None,
) -> tuple[SegmentTable | None, Ints]:
    """The ordinary TCP segments of a table, and the rows of all other packets, ascending.

    Args:
        table: The packets.
        link_types: By interface.
        only: Segments of other connections are left out of both.
        alike: By interface the first one that is the same tap; None: each is one of its own.
    """
    header, skip, usable = _find_headers(table, link_types)
    bits = header["bits"].astype(np.uint16)
    length = header["length"].astype(np.int64)
    head = 20 + (bits >> 12) * 4
    good = (
        usable
        & (header["version"] == 0x45)
        & (header["protocol"] == 6)
        & (header["fragment"] & 0x3FFF == 0)
        & (head >= 40)
        & (length >= head)
        & (skip + length <= table.kept)
    )
    other = np.flatnonzero(~good)
    if only != ALL:
        good &= _find_wanted(header, only)
    rows = np.flatnonzero(good)
    if not len(rows):
        return None, other
    place, size, flags = table.offset + skip + head, length - head, bits & _FLAGS
    if len(rows) < len(good):
        header = _pick(header, rows)
        place, size, flags = place[rows], size[rows], flags[rows]
    tap = table.interface[rows]
    tap = tap if alike is None else alike[tap]
    return _group(table, rows, header, place, size, flags, tap), other


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


def _find_ends(header: NDArray[np.void]) -> tuple[Ends, Ends]:
    """Address and port of the sender, and of the receiver."""
    shift = np.uint64(16)
    return (
        header["src"].astype(np.uint64) << shift | header["src_port"],
        header["dst"].astype(np.uint64) << shift | header["dst_port"],
    )


def _find_headers(
    table: PacketTable, link_types: dict[int, int]
) -> tuple[NDArray[np.void], Ints | int, Bools]:
    """The IPv4 header of each packet, how far into its frame that is, and whether it is there."""
    layouts = {index: _LAYOUTS.get(link_types.get(index, -1)) for index in table.interfaces}
    first, *others = dict.fromkeys(layouts.values())
    if first is not None and not others:
        return _read_starts(table.starts, table.kept, first)
    header = np.zeros(len(table), f"V{_HEADER.itemsize}").view(_HEADER)
    skip, usable = np.zeros(len(table), np.int64), np.zeros(len(table), bool)
    for layout in (first, *others):
        if layout is None:
            continue
        mine = np.isin(table.interface, [i for i, other in layouts.items() if other == layout])
        header[mine], skip[mine], usable[mine] = _read_starts(
            table.starts[mine], table.kept[mine], layout
        )
    return header, skip, usable


def _read_starts(
    starts: NDArray[np.void], kept: Ints, layout: tuple[int | None, int]
) -> tuple[NDArray[np.void], int, Bools]:
    """The same of frames of one link type."""
    at, skip = layout
    parts = {"type": (">u2", at or 0), "ip": (_HEADER, skip)}
    formats, offsets = zip(*parts.values(), strict=True)
    named = starts.view(
        np.dtype({"names": [*parts], "formats": formats, "offsets": offsets, "itemsize": START})
    )
    usable = kept >= skip + 40
    if at is not None:
        usable &= named["type"] == ETHER_IPV4
    return named["ip"], skip, usable


def _group(
    table: PacketTable,
    rows: Ints,
    header: NDArray[np.void],
    place: Ints,
    size: Ints,
    flags: NDArray[np.uint16],
    tap: Ints,
) -> SegmentTable:
    src, dst = _find_ends(header)
    order, begins, (low, high, tap) = _sort(np.minimum(src, dst), np.maximum(src, dst), tap)
    row = rows[order]
    return SegmentTable(
        row=row,
        low=low,
        high=high,
        from_low=(src <= dst)[order],
        seq=header["seq"].astype(np.uint32)[order],
        ack=header["ack"].astype(np.uint32)[order],
        flags=flags[order],
        size=size[order],
        place=place[order],
        time_ns=table.time_ns[row],
        interface=tap,
        start=np.flatnonzero(begins),
        group=np.cumsum(begins) - 1,
    )


def _sort(low: Ends, high: Ends, tap: Ints) -> tuple[Ints, Bools, tuple[Ends, Ends, Ints]]:
    """The order by connection, and within one as before; where each begins; and the columns in this order."""
    mixed = low * _MIX_1 ^ (high * _MIX_2 + tap.astype(np.uint64) * _MIX_3)
    mixed ^= mixed >> np.uint64(29)
    mixed *= _MIX_1
    key = mixed & ~_INDEX | np.arange(len(low), dtype=np.uint64)
    key.sort()
    order = (key & _INDEX).astype(np.int64)
    found = low[order], high[order], tap[order]
    begins = _find_begins(*found)
    hashed = key >> _INDEX_BITS
    if not np.array_equal(begins[1:], hashed[1:] != hashed[:-1]):
        # Two connections with one hash: sort by what was hashed.
        order = np.lexsort((tap, high, low))
        found = low[order], high[order], tap[order]
        begins = _find_begins(*found)
    return order, begins, found


def _find_begins(low: Ends, high: Ends, tap: Ints) -> Bools:
    """Which rows are not of the connection of the row before."""
    begins = np.ones(len(low), bool)
    begins[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1]) | (tap[1:] != tap[:-1])
    return begins
