"""decode: a capture file to a Trace. Secrets come first, wherever they stand in the file.

A small file is read once, packet by packet. A larger one is read by tables, once for its packets and once for its
connections. Of a large capture of others only what concerns the site is kept, if the caller says what that is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from io import SEEK_END, BytesIO
from typing import Any, BinaryIO

from harness.capture import block as blocks
from harness.capture.annotation import decode_annotations
from harness.capture.keylog import Secrets
from harness.capture.pcapng import read_blocks, read_keys
from harness.decode.connections import SMALL, decode_connections
from harness.decode.detail import Detail, Level
from harness.decode.layers import LayerStack
from harness.decode.observation import build_connection
from harness.decode.packet.frame import FIN, RST
from harness.decode.packet.joins import Joins
from harness.decode.packet.only import ALL, Only
from harness.decode.packet_log import PacketLog
from harness.decode.spool import MOST, OpenFile, Spool
from harness.decode.tcp.ending import SHORTLY, Ending
from harness.decode.tcp.reassembly import MAX_PRESENT, Reassembler
from harness.decode.tls.rsa import RsaKeys
from harness.trace.connection import Connection, Layers
from harness.trace.http import Exchange
from harness.trace.packet import PacketNumber
from harness.trace.packet_list import NONE, PacketList
from harness.trace.trace import Trace

LARGE = 64 << 20
"""Bytes of a file from which on only what concerns the site is kept."""
WINDOW = 8 << 20
"""Bytes looked at together: whoever judges keeps what was found, so what finding it takes has to be little."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of a large file is kept."""

    only: Only
    """Connections that are followed; others are watched for gaps."""
    wants_body: Callable[[Exchange], bool]
    """Whether the bodies of an exchange hold anything that is asked for."""


Choose = Callable[[Mapping[str, str]], Chosen | None]
"""From the annotations of a file to what of it concerns the site; None: everything."""


def decode(
    stream: BinaryIO,
    *,
    key_log: bytes = b"",
    rsa_keys: RsaKeys | None = None,
    choose: Choose | None = None,
    stream_hashes: bool = True,
    small: int = SMALL,
    large: int = LARGE,
    window: int = WINDOW,
) -> Trace:
    """Everything that a pcapng or pcap file shows, read from the stream's present position.

    Bad bytes do not raise: what could not be used is in `damage` and `skipped`.

    Args:
        stream: the capture.
        key_log: secrets beside those in the file, which come first.
        rsa_keys: private keys that open RSA key exchanges (TLS 1.2 and before).
        choose: what of a large file concerns the site; left out, everything does.
        stream_hashes: work out SHA-256 of streams and plaintexts, which no check asks for.
        small: bytes up to which a file is read packet by packet.
        large: bytes from which on a file is large.
        window: bytes looked at together.
    """
    (trace,) = decode_parts(
        stream,
        key_log=key_log,
        rsa_keys=rsa_keys,
        choose=choose,
        stream_hashes=stream_hashes,
        small=small,
        large=large,
        window=window,
    )
    return trace


def decode_parts(
    stream: BinaryIO,
    *,
    key_log: bytes = b"",
    rsa_keys: RsaKeys | None = None,
    choose: Choose | None = None,
    stream_hashes: bool = True,
    open_file: OpenFile | None = None,
    most: int = MOST,
    small: int = SMALL,
    large: int = LARGE,
    window: int = WINDOW,
) -> Generator[Trace, None, None]:
    """The same, in parts where what is chosen of a large file is more than `most` connections and requests.

    Connections that do not concern a part are in a file meanwhile, if there is somebody who opens it.

    Raises:
        SpoolError: the file takes no more.
    """
    if not stream.seekable():
        stream = BytesIO(stream.read())
    size = _find_size(stream)
    file = _File(stream, stream.tell(), key_log, rsa_keys, window, stream_hashes)
    if size <= small:
        yield file.read_singly()
        return
    chosen = choose(file.read_annotations()) if choose is not None and size >= large else None
    if chosen is not None:
        log = file.read_packets(chosen.only)
        if not log.has_sentinel:
            yield from file.read_chosen(chosen, log, Spool(open_file, most=most))
            return
    yield file.read_whole()


@dataclass(frozen=True, slots=True)
class _File:
    """One capture, and the ways to read it."""

    stream: BinaryIO
    start: int
    key_log: bytes
    rsa_keys: RsaKeys | None
    window: int
    stream_hashes: bool

    def read_singly(self) -> Trace:
        """Packet by packet, and all of it."""
        secrets = Secrets()
        if self.rsa_keys is not None:
            secrets.use_private_keys(self.rsa_keys.open)
        for keys in read_keys(self._rewind()):
            if keys.kind == blocks.TLS_KEY_LOG:
                secrets.add(keys.data)
        secrets.add(self.key_log)
        detail = Detail(stream_hashes=self.stream_hashes)
        joins = Joins(self.stream, self.start)
        log = PacketLog(joins=joins)
        reassembler = Reassembler(lambda: LayerStack(secrets, detail=detail))
        for block in read_blocks(self._rewind()):
            followed = log.handle(block)
            if followed is not None:
                reassembler.feed(*joins.move(*followed))
        connections = map(build_connection, reassembler.finish_followed())
        return log.finish(tuple(connections))

    def read_annotations(self) -> Mapping[str, str]:
        """What the file says about itself before its first packet."""
        comments: list[str] = []
        for block in read_blocks(self._rewind()):
            if isinstance(block, blocks.Section):
                comments += block.comments
            elif isinstance(block, blocks.Capture | blocks.Uncaptured):
                break
        return decode_annotations(comments).texts

    def read_whole(self) -> Trace:
        """By tables, and all of it."""
        # Not above: loading numpy takes longer than decoding a small file.
        from harness.decode.tcp.horizon import Horizon

        log = self.read_packets(None)
        # There are no more connections than packets.
        found = self._follow(ending=Horizon(log.packets), max_present=len(log.packets))
        return log.finish(tuple(sorted(found, key=lambda connection: connection.number)))

    def read_chosen(self, chosen: Chosen, log: PacketLog, spool: Spool) -> Iterator[Trace]:
        """By tables, and what was chosen."""
        only = chosen.only
        closing = _find_closing(log.packets)
        trace = log.finish(())
        with spool as found:
            for connection in self._follow(only):
                found.add(_reduce(connection, chosen.wants_body, closing))
            total = len(found) if only == ALL else 0
            for connection in self._follow(level="connections") if only != ALL else ():
                total += 1
                is_whole = connection.from_start and not (
                    connection.client_stream.gaps or connection.server_stream.gaps
                )
                if not is_whole and not only.accepts_ends(connection.client, connection.server):
                    found.add(replace(connection, packets=_shorten(connection.packets, closing)))
            left_out = total - len(found)
            for part in found.parts():
                yield replace(trace, connections=part.connections, own=part.own, left_out=left_out)
                left_out = 0  # Counted with the first part.

    def read_packets(self, only: Only | None) -> PacketLog:
        """All but connections: every packet, or what a check can name of those at some addresses.

        Only as far as something shows that the file is a recording of ours, where addresses are given.
        """
        # Not above: loading numpy takes longer than decoding a small file.
        from harness.decode.packet.table import PacketTable, read_tables

        log = PacketLog(only, Joins(self.stream, self.start))
        for item in read_tables(self._rewind(), window=self.window):
            if isinstance(item, PacketTable):
                log.feed(item)
            else:
                log.handle(item)
            if only is not None and log.has_sentinel:
                break
        return log

    def _follow(
        self,
        only: Only = ALL,
        *,
        level: Level = "exchanges",
        ending: Ending = SHORTLY,
        max_present: int = MAX_PRESENT,
    ) -> Iterator[Connection]:
        return decode_connections(
            self._rewind(),
            key_log=self.key_log,
            rsa_keys=self.rsa_keys,
            level=level,
            only=only,
            ending=ending,
            max_present=max_present,
            stream_hashes=self.stream_hashes,
            window=self.window,
        )

    def _rewind(self) -> BinaryIO:
        self.stream.seek(self.start)
        return self.stream


def _find_closing(packets: PacketList) -> bytearray:
    """By number: 1 where a packet closes its connection."""
    columns = packets.columns
    closing = bytearray(packets.file_count + 1)
    for number, flags in zip(columns.number, columns.tcp_flags, strict=True):
        if flags != NONE and flags & (FIN | RST):
            closing[number] = 1
    return closing


def _reduce(
    connection: Connection, wants_body: Callable[[Exchange], bool], closing: bytearray
) -> Connection:
    """Without the bodies that nobody wants, and with the packets that a check can name."""
    return replace(
        connection,
        packets=_shorten(connection.packets, closing),
        **_strip(connection, wants_body),
    )


def _shorten(packets: tuple[PacketNumber, ...], closing: bytearray) -> tuple[PacketNumber, ...]:
    """The first, those that close the connection, and the last."""
    first, last = packets[0], packets[-1]
    numbers = (first, *(n for n in packets[1:] if closing[n]), last)
    return tuple(dict.fromkeys(numbers))


def _strip(layers: Layers, wants_body: Callable[[Exchange], bool]) -> dict[str, Any]:
    """The fields that change where bodies are dropped."""
    changed: dict[str, Any] = {}
    if layers.exchanges:
        changed["exchanges"] = tuple(
            e if not _has_body(e) or wants_body(e) else _drop_bodies(e) for e in layers.exchanges
        )
    if layers.tunnel is not None:
        changed["tunnel"] = replace(layers.tunnel, **_strip(layers.tunnel, wants_body))
    return changed


def _has_body(exchange: Exchange) -> bool:
    request, response = exchange.request, exchange.response
    return bool((request is not None and request.body) or (response is not None and response.body))


def _drop_bodies(exchange: Exchange) -> Exchange:
    request, response = exchange.request, exchange.response
    return Exchange(
        request=replace(request, body=b"") if request is not None and request.body else request,
        response=replace(response, body=b"")
        if response is not None and response.body
        else response,
    )


def _find_size(stream: BinaryIO) -> int:
    start = stream.tell()
    size = stream.seek(0, SEEK_END) - start
    stream.seek(start)
    return size
