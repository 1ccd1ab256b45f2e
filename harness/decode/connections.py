"""Connections: the connections of a capture one by one, each as soon as it has ended, in bounded memory.

A connection has ended when it was closed and nothing more came for LINGER_NS of packet time (in a small file: when the
file ends); when too many are open, the one that was silent for longest is given as it is. A packet that comes after the
end of its connection is skipped and counted. Secrets are found wherever they stand in the file, unless they are very
many (SecretSource).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from io import SEEK_END, BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar

from harness.capture import block as blocks
from harness.capture.keylog import Secrets
from harness.capture.pcapng import read_blocks
from harness.decode.detail import EVERYTHING, Detail, Level
from harness.decode.layer_fields import LayerFields, build_nothing
from harness.decode.observation import (
    Finisher,
    build_connection,
    build_connections,
    describe_damage,
    reason_not_followed,
)
from harness.decode.packet.frame import FrameDecoder
from harness.decode.packet.joins import Joins
from harness.decode.packet.only import ALL, Only
from harness.decode.packet.tap_names import TapNames
from harness.decode.secret_source import SecretSource
from harness.decode.tcp.connection import TcpConnection
from harness.decode.tcp.ending import FOR_EVER, SHORTLY, Ending
from harness.decode.tcp.form import Form
from harness.decode.tcp.reassembly import MAX_PRESENT, Reassembler
from harness.decode.unread import Unread

if TYPE_CHECKING:
    from harness.decode.swift.swift import Swift
    from harness.decode.tcp.talk_table import TalkTable
    from harness.decode.tcp.whole import WholeTable
    from harness.decode.tls.rsa import RsaKeys
    from harness.trace.connection import Connection
    from harness.trace.trace import Damage

T = TypeVar("T")

_SWEEP = 16384
"""Packets between two looks for connections that have ended."""


WINDOW = 32 << 20
"""Bytes looked at together: enough packets of each connection where a thousand are interleaved."""
SMALL = 1 << 18
"""Bytes of a file that is read packet by packet."""


def decode_connections(
    stream: BinaryIO,
    *,
    key_log: bytes = b"",
    rsa_keys: RsaKeys | None = None,
    level: Level = "exchanges",
    hashes: bool = True,
    stream_hashes: bool = True,
    body_limit: int = EVERYTHING.body_limit,
    only: Only = ALL,
    window: int | None = None,
    ending: Ending | None = None,
    max_present: int = MAX_PRESENT,
    past_damage: bool = False,
) -> ConnectionReader[Connection]:
    """Give the connections of a pcapng or pcap file as they end; `number` is their order of first packet.

    Args:
        stream: Read from its present position. One that cannot seek is read once, so keys must precede their packets.
        key_log: Secrets besides those of the file.
        rsa_keys: Private keys that open RSA key exchanges (TLS 1.2 and before).
        level: How far to follow each connection.
        hashes: Work out SHA-256 of streams, plaintexts and bodies (only where `level` is exchanges).
        stream_hashes: Not of bodies alone.
        body_limit: Bytes of each HTTP body that are kept; long connections can have very many bodies.
        only: Follow no others; `number` counts the wanted ones.
        window: Bytes looked at together, which changes the speed and nothing else; 0: each packet by itself;
            None: what suits the file.
        ending: When connections have ended; None: what suits the file. A Horizon needs a `window`.
        max_present: Connections followed at once; of more the silent ones are given as they are.
        past_damage: Go on behind a damaged place of the file; else it is the end.

    Bad bytes do not raise; the reader's `damage` and `skipped` are whole when it is exhausted.
    """
    detail = Detail(level=level, hashes=hashes, stream_hashes=stream_hashes, body_limit=body_limit)
    return ConnectionReader(
        stream,
        lambda secrets: _Full(secrets, detail),
        key_log=key_log,
        rsa_keys=rsa_keys,
        level=level,
        only=only,
        window=window,
        ending=ending,
        max_present=max_present,
        past_damage=past_damage,
    )


class _Full:
    """The form of whole observations."""

    def __init__(self, secrets: Secrets, detail: Detail) -> None:
        self.wants = detail.level != "connections"
        self.first_packets: int | None = None
        self._secrets = secrets
        self._detail = detail
        self._swift: Swift | None = None

    def read(self, talks: TalkTable) -> list[LayerFields | None]:
        # Not above: a small file needs none of it.
        from harness.decode.swift.swift import Swift

        if self._swift is None:
            self._swift = Swift(self._secrets, self._detail)
        return [self._swift.read(talks.build(row)) for row in range(len(talks))]

    def tell_whole(self, table: WholeTable[LayerFields]) -> Iterator[Connection]:
        detail = self._detail
        is_hashed = detail.hashes_streams and detail.level == "exchanges"
        if not self.wants:
            table = replace(table, facts=[build_nothing()] * len(table))
        return build_connections(table, is_hashed=is_hashed)

    def build_receiver(self, *, is_careful: bool) -> Finisher:
        del is_careful
        return build_finisher(self._secrets, self._detail)

    def tell(self, connection: TcpConnection[Finisher]) -> Connection:
        return build_connection(connection)


def build_finisher(secrets: Secrets, detail: Detail) -> Finisher:
    """The receiver that reads as much as is wanted."""
    if detail.level == "connections":
        return Unread(is_brief=detail.is_brief)
    # Not above: where no bytes are read, loading what reads them takes longer than the rest.
    from harness.decode.layers import LayerStack

    secrets.complete()
    return LayerStack(secrets, detail=detail)


class ConnectionReader(Iterator[T], Generic[T]):
    """Iterates over what is told of each connection; its counters grow meanwhile."""

    def __init__(
        self,
        stream: BinaryIO,
        build_form: Callable[[Secrets], Form[Any, Any, T]],
        *,
        key_log: bytes,
        rsa_keys: RsaKeys | None,
        level: Level,
        only: Only,
        window: int | None,
        ending: Ending | None = None,
        max_present: int,
        asks_late: bool = False,
        past_damage: bool,
    ) -> None:
        """See decode_connections; `asks_late`: a large file is searched for secrets only when some are missing."""
        self.packet_count = 0
        """Packets of the file so far, as Wireshark counts."""
        self.skipped: Counter[str] = Counter()
        """Packets that were not followed, by reason."""
        self.damage: list[Damage] = []
        self._build_form = build_form
        self._level = level
        self._only = only
        self._window = window
        self._ending = ending
        self._max_present = max_present
        self._asks_late = asks_late
        self._source = SecretSource(key_log=key_log, rsa_keys=rsa_keys)
        self._past_damage = past_damage
        self._tap_names = TapNames()
        self._taps: dict[int, tuple[str, int]] = {}
        """Name and link type of each interface."""
        self.chunks = self._read(stream)
        """What the iteration gives, as many at a time as there are: faster for who takes all."""
        self._found = chain.from_iterable(self.chunks)

    def __iter__(self) -> Iterator[T]:
        """The connections that are left."""
        return self._found

    def __next__(self) -> T:
        """The next connection that ended."""
        return next(self._found)

    def _read(self, stream: BinaryIO) -> Iterator[Iterable[T]]:
        is_large = _is_large(stream)
        if self._window is None:
            self._window = WINDOW if is_large else 0
        if self._ending is None:
            self._ending = SHORTLY if is_large else FOR_EVER
        if self._level != "connections":
            if not stream.seekable():
                stream = BytesIO(stream.read())
            is_late = self._asks_late and self._window > 0
            self._source.search(stream, self._window, is_late=is_late)
        self._joins = Joins(stream, stream.tell() if stream.seekable() else 0)
        form = self._build_form(self._source.secrets)
        yield from (
            self._read_tables(stream, form, self._ending, self._window)
            if self._window
            else self._read_singly(stream, form, self._ending)
        )

    def _finish(self, reassembler: Reassembler[Any]) -> None:
        if reassembler.late_count:
            self.skipped["TCP after the end of its connection"] += reassembler.late_count

    def _read_singly(
        self, stream: BinaryIO, form: Form[Any, Any, T], ending: Ending
    ) -> Iterator[Iterable[T]]:
        """Packet by packet."""
        reassembler: Reassembler[Any] = Reassembler(
            partial(form.build_receiver, is_careful=True),
            ending=ending,
            max_present=self._max_present,
        )
        frames = FrameDecoder()
        for block in read_blocks(stream, past_damage=self._past_damage):
            if not isinstance(block, blocks.Capture):
                self._note(block)
                continue
            self.packet_count += 1
            tap, link_type = self._taps[block.interface]
            packet, segment = frames.decode(
                link_type,
                block.data,
                number=block.number,
                time_ns=block.time_ns,
                tap=tap,
                size=block.size,
            )
            if segment is not None and segment.earlier:
                self.skipped["fragment"] -= len(segment.earlier)
            if segment is None:
                self.skipped[reason_not_followed(packet)] += 1
            elif self._only.accepts(segment):
                reassembler.feed(*self._joins.move(tap, segment))
            if self.packet_count % _SWEEP == 0:
                yield from _tell(reassembler.take_ended(block.time_ns, block.number), form)
        yield from _tell(reassembler.finish(), form)
        self._finish(reassembler)

    def _read_tables(
        self, stream: BinaryIO, form: Form[Any, Any, T], ending: Ending, window: int
    ) -> Iterator[Iterable[T]]:
        """Many packets at once."""
        # Not above: loading numpy takes longer than decoding a small file.
        from harness.decode.packet.table import PacketTable, read_tables
        from harness.decode.tcp.intake import Intake
        from harness.decode.tcp.lingering import Lingering

        lingering: Lingering[Any] = Lingering()
        reassembler: Reassembler[Any] = Reassembler(
            partial(form.build_receiver, is_careful=False),
            ending=ending,
            max_present=self._max_present,
            lingering=lingering,
        )
        intake = Intake(
            reassembler,
            lingering,
            form,
            only=self._only,
            reason=reason_not_followed,
            taps=self._taps,
            joins=self._joins,
            skipped=self.skipped,
        )
        for item in read_tables(
            stream,
            window=window,
            keys=self._source.takes_keys,
            past_damage=self._past_damage,
        ):
            if isinstance(item, PacketTable):
                self.packet_count += len(item)
                intake.feed(item)
                last = item.first_number + len(item) - 1
                yield from _tell(reassembler.take_ended(int(item.time_ns.max()), last), form)
            elif isinstance(item, blocks.Capture):
                self.packet_count += 1
                intake.feed_single(item)
            else:
                self._note(item)
            del item  # The next one takes its memory.
        yield from _tell(reassembler.finish(), form)
        self._finish(reassembler)

    def _note(self, block: blocks.Block) -> None:
        """A block without a frame."""
        match block:
            case blocks.Uncaptured():
                self.packet_count += 1
                self.skipped[f"block type {block.kind} without a frame"] += 1
            case blocks.Interface():
                self._taps[block.index] = (self._tap_names.find(block), block.link_type)
                self._joins.note_interface()
            case blocks.Keys(kind=blocks.TLS_KEY_LOG) if self._source.takes_keys:
                self._source.take(block.data)
            case blocks.Damage():
                self.damage.append(describe_damage(block, packets_before=self.packet_count))
            case _:
                pass


def _tell(
    ended: Iterable[TcpConnection[Any] | WholeTable[Any]], form: Form[Any, Any, T]
) -> Iterator[Iterable[T]]:
    for item in ended:
        if isinstance(item, TcpConnection):
            yield (form.tell(item),)
        else:
            yield form.tell_whole(item)


def _is_large(stream: BinaryIO) -> bool:
    if not stream.seekable():
        return True
    start = stream.tell()
    size = stream.seek(0, SEEK_END) - start
    stream.seek(start)
    return size > SMALL
