"""Tests of harness/decode/tls/bytes.py."""

from __future__ import annotations

import pytest

from harness.decode.tls.bytes import SeenBytes, join_seen
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen


def seen(*numbers: int) -> Seen:
    """Seen in these packets, at the time of the last one."""
    return Seen(time_ns=max(numbers) * 10, packets=tuple(PacketNumber(n) for n in numbers))


def test_pieces_remember_where_they_came_from() -> None:
    """A take over three pieces tells the size and origin of each, and leaves the rest of the last one."""
    queue = SeenBytes()
    for number, data in ((1, b"ab"), (2, b"cd"), (3, b"efgh")):
        queue.append(data, seen(number))

    assert queue.take(5) == (b"abcde", ((2, seen(1)), (2, seen(2)), (1, seen(3))))
    assert queue.take(3) == (b"fgh", ((3, seen(3)),))
    assert len(queue) == 0


def test_taking_too_much_is_refused() -> None:
    """More than there is cannot be taken."""
    queue = SeenBytes()
    queue.append(b"ab", seen(1))

    with pytest.raises(ValueError, match="take 3 of 2 bytes"):
        queue.take(3)


def test_empty_pieces_leave_no_origin() -> None:
    """A packet without a byte carried nothing."""
    queue = SeenBytes()
    queue.append(b"", seen(1))
    queue.append(b"a", seen(2))

    assert queue.take(1) == (b"a", ((1, seen(2)),))


def test_cleared_queue_is_empty() -> None:
    """Nothing is left, neither bytes nor origins."""
    queue = SeenBytes()
    queue.append(b"ab", seen(1))
    queue.clear()
    queue.append(b"c", seen(2))

    assert queue.take(1) == (b"c", ((1, seen(2)),))


def test_join_sorts_packets_and_keeps_the_last_time() -> None:
    """Every packet once, ascending; the time is that of the latest."""
    assert join_seen(((1, seen(5)), (1, seen(2, 5)), (1, seen(3)))) == Seen(
        time_ns=50, packets=seen(2, 3, 5).packets
    )


def test_no_piece_was_seen_nowhere() -> None:
    """Without bytes there is no Seen."""
    with pytest.raises(ValueError, match="seen nowhere"):
        join_seen(())
