"""Reassembly: which segments belong to one connection, when it has ended, and its number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic

from harness.decode.brief import Brief
from harness.decode.frame import SYN, Segment
from harness.decode.tcp_connection import R, TcpConnection
from harness.net.address import Endpoint
from harness.trace.packet import PacketNumber

LINGER_NS = 1_000_000_000
"""Packet time after which a closed connection gets no more packets; late acknowledgments come within it."""
MAX_PRESENT = 16384
"""Connections followed at once; a TLS connection in the middle takes about 10 kB."""
MAX_GONE = 65536
"""Four-tuples that are remembered after their connection."""

Key = tuple[str, bytes, bytes]
"""Tap (with the tunnels) and both ends of a connection, the smaller one first."""


def find_key(tap: str, segment: Segment) -> Key:
    """To which connection a segment belongs; what runs in a tunnel is apart from what runs beside it."""
    if segment.carried_in is not None:
        tap = f"{tap} in {segment.carried_in}"
    source, destination = segment.source, segment.destination
    return (tap, source, destination) if source <= destination else (tap, destination, source)


class Reassembler(Generic[R]):
    """All connections of a capture, numbered from 1 in order of their first packet."""

    def __init__(
        self,
        make_receiver: Callable[[], R],
        *,
        linger_ns: int | None = None,
        max_present: int = MAX_PRESENT,
    ) -> None:
        """Make one receiver for each connection; so long a closed one takes packets (None: for ever)."""
        self._max_present = max_present
        self._linger_ns = linger_ns
        self._make_receiver = make_receiver
        self._present: dict[Key, TcpConnection[R] | Brief] = {}
        self._ended: list[TcpConnection[R] | Brief] = []
        """Ended by another one on the same four-tuple, and not taken yet."""
        self._gone: dict[Key, None] = {}
        """Four-tuples of connections that were taken, oldest first."""
        self._unnumbered: list[TcpConnection[R] | Brief] = []
        self._count = 0
        self.late_count = 0
        """Packets that came after the end of their connection, and were passed over."""

    def feed(self, tap: str, segment: Segment) -> None:
        """Take in the next segment of any connection."""
        key = find_key(tap, segment)
        connection = self._present.get(key)
        if connection is not None and self._is_over(connection, segment.time_ns):
            if not segment.flags & SYN:
                self.late_count += 1
                return
            self._ended.append(self._present.pop(key))
            connection = None
        if isinstance(connection, Brief):
            connection = self._unfold(key, connection)
        if connection is None or connection.is_new_connection(segment):
            if connection is not None:
                self._ended.append(connection)
            elif key in self._gone and not segment.flags & SYN:
                self.late_count += 1
                return
            connection = TcpConnection.begin(segment, tap, self._make_receiver())
            self._present[key] = connection
            self._unnumbered.append(connection)
        connection.handle(segment)

    def _is_over(self, connection: TcpConnection[R] | Brief, now_ns: int) -> bool:
        """Nothing more belongs to the connection."""
        return (
            self._linger_ns is not None
            and now_ns - connection.closed_ns >= self._linger_ns
            and connection.closed != "open"
        )

    def find_present(self, key: Key) -> TcpConnection[R] | None:
        """The connection that is on these ends now."""
        connection = self._present.get(key)
        return self._unfold(key, connection) if isinstance(connection, Brief) else connection

    def add_brief(self, key: Key, brief: Brief) -> None:
        """A whole connection on ends that have none now."""
        self._present[key] = brief
        self._unnumbered.append(brief)

    def _unfold(self, key: Key, brief: Brief) -> TcpConnection[R]:
        """Another packet came."""
        connection = TcpConnection(
            brief.client, brief.server, brief.client_key, brief.tap, self._make_receiver()
        )
        connection.handle_group(brief.group)
        connection.number = brief.number
        self._present[key] = connection
        if not brief.number:
            self._unnumbered.remove(brief)
            self._unnumbered.append(connection)
        return connection

    def open(
        self, key: Key, client: Endpoint, server: Endpoint, client_key: bytes
    ) -> TcpConnection[R]:
        """A new connection on ends that have none now; its first packet comes at once."""
        connection = TcpConnection(client, server, client_key, key[0], self._make_receiver())
        self._present[key] = connection
        self._unnumbered.append(connection)
        return connection

    def _number(self) -> None:
        """Number the new connections in order of first packet; they may have been opened in another order."""
        self._unnumbered.sort(key=_first_packet)
        for connection in self._unnumbered:
            self._count += 1
            connection.number = self._count
        self._unnumbered.clear()

    def take_ended(self, now_ns: int) -> Iterator[TcpConnection[R] | Brief]:
        """Those that have ended, as it seems at this time; and some of the silent ones where too many are open."""
        self._number()
        ended, self._ended = self._ended, []
        keys = [
            key for key, connection in self._present.items() if self._is_over(connection, now_ns)
        ]
        excess = len(self._present) - len(keys) - self._max_present
        if excess > 0:
            taken = set(keys)
            silent = sorted(
                (connection.closed_ns, connection.number, key)
                for key, connection in self._present.items()
                if key not in taken
            )
            keys.extend(key for _, _, key in silent[: excess + self._max_present // 8])
        for key in keys:
            ended.append(self._present.pop(key))
            self._gone.pop(key, None)
            self._gone[key] = None
        while len(self._gone) > MAX_GONE:
            del self._gone[next(iter(self._gone))]
        yield from map(_finished, ended)

    def finish(self) -> Iterator[TcpConnection[R] | Brief]:
        """End every connection that is left, in order."""
        self._number()
        left = sorted((*self._ended, *self._present.values()), key=lambda c: c.number)
        self._ended.clear()
        self._present.clear()
        yield from map(_finished, left)


def _first_packet(connection: TcpConnection[R] | Brief) -> PacketNumber:
    return (connection.group.numbers if isinstance(connection, Brief) else connection.packets)[0]


def _finished(connection: TcpConnection[R] | Brief) -> TcpConnection[R] | Brief:
    if not isinstance(connection, Brief):
        connection.finish()
    return connection
