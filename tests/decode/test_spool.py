"""The spool: every connection in its order, with its context, and nothing left behind."""

from __future__ import annotations

import errno
import os
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.spool import OpenFile, Part, Spool, SpoolError
from harness.net.address import Endpoint
from harness.trace.connection import Connection, Tunnel
from harness.trace.http import Exchange
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen
from harness.trace.trace import EVERYTHING
from tests.trace_builder import N1, PIXEL


def _connection(*packets: int, number: int = 7, **more: Any) -> Connection:
    return Connection(
        number=number,
        tap="dmz",
        client=Endpoint(PIXEL, 1000 + packets[0]),
        server=Endpoint(N1, 443),
        opened_ns=packets[0],
        closed_ns=packets[-1],
        closed="fin",
        from_start=True,
        established=True,
        packets=tuple(PacketNumber(n) for n in packets),
        **more,
    )


def _spooled(
    connections: list[Connection], most: int, open_file: OpenFile | None = BytesIO
) -> list[Part]:
    with Spool(open_file, most=most) as kept:
        for connection in connections:
            kept.add(connection)
        return list(kept.parts())


def _begins(part: Part) -> list[int]:
    return [connection.packets[0] for connection in part.connections]


def test_a_few_are_one_part_in_order_of_their_first_packets() -> None:
    """Numbered anew."""
    (part,) = _spooled([_connection(5, 6), _connection(1, 9)], 2)

    assert part.own == EVERYTHING
    assert [(c.number, c.packets) for c in part.connections] == [(1, (1, 9)), (2, (5, 6))]


def test_without_a_file_all_is_one_part() -> None:
    """That is, without a file for the others."""
    assert len(_spooled([_connection(n, n + 1) for n in range(1, 999, 2)], 9, None)) == 1


def test_a_part_has_what_is_before_and_after_and_what_is_still_open() -> None:
    """Of twelve at most: six of its own, four before, two after; and the first, which never ends."""
    short = [_connection(n, n + 1) for n in range(3, 81, 2)]
    parts = _spooled([*short, _connection(1, 999)], 12)

    assert _begins(parts[2]) == [1, *range(17, 41, 2)]
    assert parts[2].own == range(25, 37)
    assert (parts[0].own.start, parts[-1].own.stop) == (0, EVERYTHING.stop)


@given(
    st.lists(
        st.tuples(st.integers(1, 10_000), st.integers(0, 3_000)),
        max_size=200,
        unique_by=lambda p: p[0],
    ),
    st.integers(1, 60),
)
def test_each_connection_is_one_parts_own_and_as_it_was(
    spans: list[tuple[int, int]], most: int
) -> None:
    """Whatever lasts as long as it likes; a part has all that is open while its own begin."""
    connections = [_connection(begin, begin + more) for begin, more in spans]
    parts = _spooled(connections, most)
    in_order = sorted(connections, key=lambda c: c.packets[0])
    own = [c for part in parts for c in part.connections if c.packets[0] in part.own]

    assert [c.packets for c in own] == [c.packets for c in in_order]
    assert [c.number for c in own] == list(range(1, len(connections) + 1))
    for part in parts:
        mine = [c.packets[0] for c in part.connections if c.packets[0] in part.own]
        open_then = {
            c.packets for c in connections if mine and c.packets[0] <= mine[0] <= c.packets[-1]
        }
        assert open_then <= {c.packets for c in part.connections}
        assert _begins(part) == sorted(_begins(part))


def test_requests_count_as_much_as_connections() -> None:
    """Also those in a tunnel: a connection with very many is a part of its own."""
    seen = Seen(time_ns=1, packets=())
    asked = tuple(Exchange(request=None, response=None) for _ in range(9))
    inner = Tunnel(target=b"a:443", opened=seen, exchanges=asked)
    busy = [_connection(n, n + 1, tunnel=inner) for n in range(1, 9, 2)]

    assert [part.own.start for part in _spooled(busy, 20)] == [0, 3, 5, 7]


def test_the_file_is_opened_when_it_is_needed_and_closed_at_the_end() -> None:
    """Not before there are too many, and once."""
    files: list[BytesIO] = []

    def open_file() -> BytesIO:
        files.append(BytesIO())
        return files[-1]

    with Spool(open_file, most=3) as kept:
        for n in range(1, 99, 2):
            assert bool(files) is (n > 7)
            kept.add(_connection(n, n + 1))
        assert len(kept) == 49
        list(kept.parts())
    assert [file.closed for file in files] == [True]


class _Full(BytesIO):
    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_told() -> None:
    """How much was to go there."""
    told = "^4 connections did not fit: No space left on device$"
    with pytest.raises(SpoolError, match=told):
        _spooled([_connection(n, n + 1) for n in range(1, 9, 2)], 3, _Full)


def test_a_file_that_cannot_be_opened_is_told() -> None:
    """The same sentence."""

    def refuse() -> BytesIO:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with pytest.raises(SpoolError, match="1 connections did not fit: Permission denied"):
        _spooled([_connection(1, 2)], 0, refuse)
