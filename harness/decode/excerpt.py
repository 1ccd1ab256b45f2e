"""Excerpt: some packets of a capture with the connections that they belong to, in bounded memory.

The file is read once for the packets, once for the ends of all connections, and once for what the wanted ones carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import SEEK_END
from typing import BinaryIO

from harness.capture.pcapng import read_blocks
from harness.decode.connections import SMALL, decode_connections
from harness.decode.packet.frame import TCP
from harness.decode.packet.joins import Joins
from harness.decode.packet.only import Only
from harness.decode.packet_log import PacketLog
from harness.decode.tcp.ending import FOR_EVER
from harness.decode.tls.rsa import RsaKeys
from harness.net.address import Endpoint
from harness.trace.connection import Connection
from harness.trace.packet import PacketNumber
from harness.trace.trace import Trace

WINDOW = 8 << 20
"""Bytes looked at together."""
_NO_PORT = frozenset({0})
"""Nobody uses it: the ends that are wanted are told one by one."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What was wanted, and how much there is."""

    trace: Trace
    """Packet 1 and those that were wanted; and their connections, numbered as among all."""
    packet_count: int
    """Packets of the file."""


def decode_excerpt(
    stream: BinaryIO,
    numbers: frozenset[PacketNumber],
    *,
    key_log: bytes = b"",
    rsa_keys: RsaKeys | None = None,
    small: int = SMALL,
) -> Excerpt:
    """Find packets and all that their connections carry.

    Bad bytes do not raise: what could not be used is in `damage`.

    Args:
        stream: the capture, which can seek; read from its present position.
        numbers: of the packets; those beyond the file are not found.
        key_log: secrets beside those in the file.
        rsa_keys: private keys that open RSA key exchanges (TLS 1.2 and before).
        small: bytes up to which the file is read packet by packet.
    """
    start = stream.tell()
    size = stream.seek(0, SEEK_END) - start
    window = WINDOW if size > small else 0
    log = _read_packets(stream, start, numbers | {PacketNumber(1)}, window)
    trace = log.finish(())
    wanted = _find_wanted(stream, start, trace, numbers, window)
    if not wanted:
        return Excerpt(trace, log.packet_count)
    stream.seek(start)
    reader = decode_connections(
        stream,
        key_log=key_log,
        rsa_keys=rsa_keys,
        hashes=False,
        only=Only(ports=_NO_PORT, endpoints=frozenset(c.client for c in wanted)),
        window=window,
        ending=FOR_EVER,
    )
    known = {c.packets[0]: c.number for c in wanted}
    connections = tuple(_number(reader, known, numbers))
    return Excerpt(replace(trace, connections=connections), log.packet_count)


def _read_packets(
    stream: BinaryIO, start: int, numbers: frozenset[PacketNumber], window: int
) -> PacketLog:
    log = PacketLog(joins=Joins(stream, start), numbers=numbers)
    stream.seek(start)
    if not window:
        for block in read_blocks(stream):
            log.handle(block)
        return log
    # Not above: loading numpy takes longer than reading a small file.
    from harness.decode.packet.table import PacketTable, read_tables

    for item in read_tables(stream, window=window):
        if isinstance(item, PacketTable):
            log.feed(item)
        else:
            log.handle(item)
    return log


def _find_wanted(
    stream: BinaryIO,
    start: int,
    trace: Trace,
    numbers: frozenset[PacketNumber],
    window: int,
) -> list[Connection]:
    """Connections with a wanted packet, or on its ends: one may come long after its connection seemed to be over."""
    flows = [packet.flow for packet in trace.packets if packet.number in numbers]
    ends = {_pair(f.source, f.destination) for f in flows if f is not None and f.protocol == TCP}
    if not numbers or not trace.packets:
        return []
    ordered = sorted(numbers)
    stream.seek(start)
    return [
        connection
        for connection in decode_connections(stream, level="connections", window=window)
        if _pair(connection.client, connection.server) in ends
        or (
            connection.packets[0] <= ordered[-1]
            and connection.packets[-1] >= ordered[0]
            and not numbers.isdisjoint(connection.packets)
        )
    ]


def _pair(one: Endpoint, other: Endpoint) -> frozenset[Endpoint]:
    return frozenset((one, other))


def _number(
    found: Iterator[Connection],
    known: Mapping[PacketNumber, int],
    numbers: frozenset[PacketNumber],
) -> Iterator[Connection]:
    """Those with a wanted packet, by the number that they have among all."""
    for connection in sorted(found, key=lambda one: one.packets[0]):
        if not numbers.isdisjoint(connection.packets):
            number = known.get(connection.packets[0], connection.number)
            yield replace(connection, number=number)
