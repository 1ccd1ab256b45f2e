"""Mark: numbers that tell the TCP packets of several files apart: their connection, the packet itself, a hello in it.

Equal packets have equal marks wherever they were seen, whatever link or tunnel carried them there. Marks are hashes of
64 bits: of thirty million packets two are taken for one with a chance of one in 40,000.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.decode.packet.frame import ACK, FIN, RST, SYN, FrameDecoder, Segment
from harness.decode.packet.table import Ints, PacketTable
from harness.decode.tcp.segment_table import Bools, SegmentTable, find_segments

Hashes = NDArray[np.uint64]

_HEAD = 64
"""Bytes of a payload that tell packets apart: captures may be cut at different lengths."""
_HANDSHAKE = 0x16
_HELLO_SIZE = 43
"""Record header 5, message header 4, version 2, random 32 (RFC 8446 sections 5.1 and 4.1.2)."""
_RANDOM = 11
"""Where it begins."""
_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_ODD = 0x9E3779B97F4A7C15
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Of the mixer SplitMix64."""


@dataclass(frozen=True, slots=True)
class Marks:
    """One row for each TCP packet of a table; not in order."""

    row: Ints
    """Of the table."""
    ends: Hashes
    """The connection: both ends, in either direction."""
    is_rising: Bools
    """Sent by the lower end."""
    key: Hashes
    """What is the same when one packet is seen in two places."""
    hello: NDArray[np.uint8]
    """1: it begins with a ClientHello; 2: with a ServerHello; 0: with neither."""
    random: Hashes
    """Of the hello, with its kind."""
    sent: Hashes
    """The place behind what it sends, in the stream of its sender; 0: it sends nothing."""
    acknowledged: Hashes
    """The place up to which it acknowledges, in the stream of the other side; 0: it does not."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """What marks are made of."""

    row: Ints
    low: Hashes
    high: Hashes
    is_rising: Bools
    seq: Ints
    ack: Ints
    flags: Ints
    size: Ints
    head: NDArray[np.uint8]
    """The first bytes of each payload, zeros behind them."""


class MarkReader:
    """Marks the packets of one file, table by table: fragments come together over several tables."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._frames = FrameDecoder()

    def find_ends(self, table: PacketTable, links: Mapping[int, int]) -> tuple[Ints, Hashes]:
        """Rows of the TCP packets, and their connections.

        Args:
            table: The packets.
            links: Link types by interface.
        """
        segments, others = self._find(table, links)
        rows = [np.array([row for row, _ in others], np.int64)]
        ends = [_mix_ends(*_find_ends([segment for _, segment in others])[:2])]
        if segments is not None:
            rows.append(segments.row)
            ends.append(_mix_ends(segments.low, segments.high))
        return np.concatenate(rows), np.concatenate(ends)

    def find(self, table: PacketTable, links: Mapping[int, int]) -> Marks:
        """Everything about the TCP packets of a table."""
        segments, others = self._find(table, links)
        parts = [_from_segments(others)]
        if segments is not None:
            parts.append(_from_table(table, segments))
        marks = [_mark(part) for part in parts]
        return marks[0] if len(marks) == 1 else _join(marks)

    def _find(
        self, table: PacketTable, links: Mapping[int, int]
    ) -> tuple[SegmentTable | None, list[tuple[int, Segment]]]:
        """The ordinary segments, and the others with their rows."""
        segments, rest = find_segments(table, dict(links))
        others: list[tuple[int, Segment]] = []
        for row in rest.tolist():
            begin, interface = int(table.offset[row]), int(table.interface[row])
            _, segment = self._frames.decode(
                links[interface],
                bytes(table.data[begin : begin + int(table.kept[row])]),
                number=table.first_number + row,
                time_ns=int(table.time_ns[row]),
                tap=str(interface),
                size=int(table.size[row]),
            )
            if segment is not None:
                others.append((row, segment))
        return segments, others


def _from_table(table: PacketTable, segments: SegmentTable) -> _Columns:
    return _Columns(
        segments.row,
        segments.low,
        segments.high,
        segments.from_low,
        segments.seq.astype(np.int64),
        segments.ack.astype(np.int64),
        segments.flags.astype(np.int64),
        segments.size,
        _find_heads(table.data, segments.place, segments.size),
    )


def _from_segments(others: Sequence[tuple[int, Segment]]) -> _Columns:
    segments = [segment for _, segment in others]
    low, high, is_rising = _find_ends(segments)
    heads = b"".join(segment.data[:_HEAD].ljust(_HEAD, b"\0") for segment in segments)
    columns = np.array([(s.seq, s.ack, s.flags, s.size) for s in segments], np.int64)
    seq, ack, flags, size = columns.reshape(len(segments), 4).T
    row = np.array([row for row, _ in others], np.int64)
    head = np.frombuffer(heads, np.uint8).reshape(-1, _HEAD)
    return _Columns(row, low, high, is_rising, seq, ack, flags, size, head)


def _find_ends(segments: Sequence[Segment]) -> tuple[Hashes, Hashes, Bools]:
    """The lower end of each, the higher, and whether the lower one sent it."""
    pairs = np.array([(_number(s.source), _number(s.destination)) for s in segments], np.uint64)
    source, destination = pairs.reshape(len(segments), 2).T
    return np.minimum(source, destination), np.maximum(source, destination), source <= destination


def _number(end: bytes) -> int:
    """Address and port as a SegmentTable has them; of IPv6 a hash, with a bit that no IPv4 end has."""
    if len(end) <= 6:
        return int.from_bytes(end, "big")
    return int.from_bytes(hashlib.blake2b(end, digest_size=8).digest(), "big") | 1 << 63


def _find_heads(data: memoryview, place: Ints, size: Ints) -> NDArray[np.uint8]:
    if len(data) < _HEAD:
        data = memoryview(bytes(data).ljust(_HEAD, b"\0"))
    # One item of 64 bytes at every byte of the window; those at its end are looked at apart.
    plain = np.ndarray((len(data) - _HEAD + 1,), f"V{_HEAD}", data, strides=(1,))
    heads = plain[np.minimum(place, len(plain) - 1)].view(np.uint8).reshape(-1, _HEAD)
    for index in np.flatnonzero(place >= len(plain)).tolist():
        rest = bytes(data[int(place[index]) :])
        heads[index] = np.frombuffer(rest.ljust(_HEAD, b"\0"), np.uint8)
    heads[np.arange(_HEAD) >= size[:, None]] = 0
    return heads


def _mark(columns: _Columns) -> Marks:
    head, size = columns.head, columns.size
    ends = _mix_ends(columns.low, columns.high)
    key = _mix(ends ^ columns.is_rising)
    for column in (columns.seq << 32 | columns.ack, columns.flags << 32 | size):
        key = _mix(key ^ column.astype(np.uint64))
    for word in np.ascontiguousarray(head).view(np.uint64).reshape(-1, _HEAD // 8).T:
        key = _mix(key ^ word)
    # RFC 8446 sections 5.1 and 4: the type of the record, and that of the first message in it.
    kind = head[:, 5]
    is_hello = (head[:, 0] == _HANDSHAKE) & ((kind == _CLIENT_HELLO) | (kind == _SERVER_HELLO))
    is_hello &= size >= _HELLO_SIZE
    random = kind.astype(np.uint64)
    if is_hello.any():
        words = np.ascontiguousarray(head[is_hello, _RANDOM:_HELLO_SIZE]).view(np.uint64)
        found = random[is_hello]
        for word in words.reshape(-1, 4).T:
            found = _mix(found ^ word)
        random[is_hello] = found
    hello = np.where(is_hello, kind, 0).astype(np.uint8)
    sent, acknowledged = _find_places(columns, ends)
    return Marks(columns.row, ends, columns.is_rising, key, hello, random, sent, acknowledged)


def _find_places(columns: _Columns, ends: Hashes) -> tuple[Hashes, Hashes]:
    flags, rising = columns.flags, columns.is_rising
    # RFC 9293 section 3.4: SYN and FIN take a number each.
    size = columns.size + (flags & SYN != 0) + (flags & FIN != 0)
    behind = (columns.seq + size & 0xFFFFFFFF).astype(np.uint64)
    sent = _mix(_mix(ends ^ rising) ^ behind)
    acknowledged = _mix(_mix(ends ^ ~rising) ^ columns.ack.astype(np.uint64))
    sent[(size == 0) | (flags & RST != 0)] = 0
    acknowledged[flags & ACK == 0] = 0
    return sent, acknowledged


def _join(marks: Sequence[Marks]) -> Marks:
    return Marks(
        np.concatenate([m.row for m in marks]),
        np.concatenate([m.ends for m in marks]),
        np.concatenate([m.is_rising for m in marks]),
        np.concatenate([m.key for m in marks]),
        np.concatenate([m.hello for m in marks]),
        np.concatenate([m.random for m in marks]),
        np.concatenate([m.sent for m in marks]),
        np.concatenate([m.acknowledged for m in marks]),
    )


def _mix_ends(low: Hashes, high: Hashes) -> Hashes:
    return _mix(_mix(low) ^ high)


def _mix(values: Hashes) -> Hashes:
    """Spread every bit over all bits (SplitMix64)."""
    mixed = values + np.uint64(_ODD)
    for shift, factor in zip((30, 27), _MULTIPLIERS, strict=True):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed
