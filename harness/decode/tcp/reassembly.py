"""Reassembly: which segments belong to one connection, when it has ended, and its number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic

from harness.decode.packet.frame import SYN, Segment
from harness.decode.tcp.connection import TcpConnection
from harness.decode.tcp.ending import FOR_EVER, Ending
from harness.decode.tcp.flow_key import Key, find_key
from harness.decode.tcp.receiver import R
from harness.net.address import Endpoint

if TYPE_CHECKING:
    # Not below: they need numpy, and loading that takes longer than decoding a small file.
    from harness.decode.tcp.lingering import Lingering
    from harness.decode.tcp.whole import WholeTable

MAX_PRESENT = 16384
"""Connections followed at once; a TLS connection in the middle takes about 10 kB."""
MAX_GONE = 65536
"""Four-tuples that are remembered after their connection."""


class Reassembler(Generic[R]):
    """All connections of a capture, numbered from 1 in order of their first packet."""

    def __init__(
        self,
        make_receiver: Callable[[], R],
        *,
        ending: Ending = FOR_EVER,
        max_present: int = MAX_PRESENT,
        lingering: Lingering[Any] | None = None,
    ) -> None:
        """Make one receiver for each connection.

        Whole connections that were read elsewhere come through `lingering`.
        """
        self._ending = ending
        self._max_present = max_present
        self._lingering = lingering
        self._make_receiver = make_receiver
        self._present: dict[Key, TcpConnection[R]] = {}
        self._ended: list[TcpConnection[R] | WholeTable[Any]] = []
        """Ended by another one on the same four-tuple, and not taken yet."""
        self._gone: dict[Key, None] = {}
        """Four-tuples of connections that were taken, oldest first."""
        self._unnumbered: list[TcpConnection[R]] = []
        self._count = 0
        self.late_count = 0
        """Packets that came after the end of their connection, and were passed over."""

    def feed(self, tap: str, segment: Segment) -> None:
        """Take in the next segment of any connection."""
        key = find_key(tap, segment)
        if self._lingering and key in self._lingering and not self._resume(key, segment):
            return
        connection = self._present.get(key)
        if connection is not None and self._is_over(connection, segment.time_ns):
            if not segment.flags & SYN:
                self.late_count += 1
                return
            self._ended.append(self._present.pop(key))
            connection = None
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

    def _resume(self, key: Key, segment: Segment) -> bool:
        """Another packet on the ends of a whole connection; False: it came too late."""
        lingering = self._lingering
        assert lingering is not None
        is_over = self._ending.is_too_late(lingering.closed_ns(key), segment.time_ns)
        if is_over and not segment.flags & SYN:
            self.late_count += 1
            return False
        table, row = lingering.take(key)
        if is_over:
            self._ended.append(table.select([row]))
            return True
        group = table.build_group(row)
        client, server = table.build_ends(row)
        connection = self.open(key, client, server, is_low_client=bool(table.is_low_client[row]))
        connection.handle_group(group)
        connection.number = int(table.number[row])
        self._unnumbered.pop()
        return True

    def _is_over(self, connection: TcpConnection[R], now_ns: int) -> bool:
        """What comes now does not belong to the connection."""
        is_too_late = self._ending.is_too_late(connection.closed_ns, now_ns)
        return is_too_late and connection.closed != "open"

    def find_present(self, keys: Set[Key]) -> dict[Key, TcpConnection[R]]:
        """Those of these that are followed now."""
        return {key: self._present[key] for key in self._present.keys() & keys}

    def open(
        self, key: Key, client: Endpoint, server: Endpoint, *, is_low_client: bool
    ) -> TcpConnection[R]:
        """A new connection on ends that have none now; its first packet comes at once."""
        tap, ends = key
        half = len(ends) // 2
        client_key = ends[:half] if is_low_client else ends[half:]
        connection = TcpConnection(client, server, client_key, tap, self._make_receiver())
        self._present[key] = connection
        self._unnumbered.append(connection)
        return connection

    def _number(self) -> None:
        """Number the new connections in order of first packet; they may have been opened in another order."""
        new = sorted(self._unnumbered, key=lambda connection: connection.first_packet)
        self._unnumbered.clear()
        begin = self._count + 1
        self._count += len(new)
        numbers = list(range(begin, self._count + 1))
        if self._lingering is not None and self._lingering.fresh_count:
            self._count += self._lingering.fresh_count
            numbers = self._lingering.number([c.first_packet for c in new], begin)
        for connection, number in zip(new, numbers, strict=True):
            connection.number = number

    def take_ended(self, now_ns: int, number: int) -> Iterator[TcpConnection[R] | WholeTable[Any]]:
        """Those that have ended, as it seems at this time; and some of the silent ones where too many are open.

        Args:
            now_ns: time of the last packet.
            number: that of the last packet.
        """
        self._number()
        ended, self._ended = self._ended, []
        has_ended = self._ending.has_ended
        keys = [
            key
            for key, each in self._present.items()
            if has_ended(key, each.closed_ns if each.closed != "open" else None, number, now_ns)
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
        if self._lingering:
            for table in self._lingering.take_ended(
                self._ending, number, now_ns, self._max_present
            ):
                ended.append(table)
                keys.extend(table.keys)
        gone = self._gone
        for key in gone.keys() & keys:
            del gone[key]
        gone.update(dict.fromkeys(keys))
        for key in list(islice(gone, max(len(gone) - MAX_GONE, 0))):
            del gone[key]
        yield from map(_finished, ended)

    def finish(self) -> Iterator[TcpConnection[R] | WholeTable[Any]]:
        """End every connection that is left; the whole ones first."""
        tables = [item for item in self._ended if not isinstance(item, TcpConnection)]
        followed = self.finish_followed()
        if self._lingering is not None:
            tables.extend(self._lingering.take_all())
        yield from tables
        yield from followed

    def finish_followed(self) -> list[TcpConnection[R]]:
        """The same for those that were fed packet by packet, in order."""
        self._number()
        left = [
            *(item for item in self._ended if isinstance(item, TcpConnection)),
            *self._present.values(),
        ]
        self._ended.clear()
        self._present.clear()
        for connection in left:
            connection.finish()
        return sorted(left, key=lambda connection: connection.number)


def _finished(
    item: TcpConnection[R] | WholeTable[Any],
) -> TcpConnection[R] | WholeTable[Any]:
    if isinstance(item, TcpConnection):
        item.finish()
    return item
