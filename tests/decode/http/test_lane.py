"""Tests of lanes."""

from __future__ import annotations

import pytest

from harness.decode.http.lane import Lane, Span
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen


def seen(number: int) -> Seen:
    """Packet and time are the same number."""
    return Seen(time_ns=number, packets=(PacketNumber(number),))


def fill(*pieces: bytes) -> Lane:
    """Pieces of packets 1, 2, 3."""
    lane = Lane()
    for number, piece in enumerate(pieces, 1):
        lane.put(piece, seen(number))
    return lane


def test_spans_name_the_packets_of_bytes() -> None:
    """First and last time, and every packet between, also of bytes already taken."""
    lane = fill(b"abc", b"def", b"ghi")
    lane.take(7)

    assert lane.span(2, 4) == Span(1, 2, (PacketNumber(1), PacketNumber(2)))
    assert lane.span(3, 9) == Span(2, 3, (PacketNumber(2), PacketNumber(3)))


def test_forgotten_packets_are_gone() -> None:
    """A long connection does not keep them all."""
    lane = fill(b"abc", b"def")
    lane.take(3)
    lane.forget(lane.offset)

    assert lane.span(0, 3) == Span(0, 0, ())
    assert lane.span(3, 4).packets == (2,)


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n", b"\r\n\n", b"\n\r\n"])
def test_a_head_ends_with_an_empty_line(end: bytes) -> None:
    """With CRLF or LF, and however its bytes come in."""
    lane = Lane()
    found = []
    for number, byte in enumerate(b"GET / HTTP/1.1" + end + b"x"):
        lane.put(bytes([byte]), seen(number))
        found.append(lane.take_head())

    assert [head for head in found if head is not None] == [b"GET / HTTP/1.1" + end]
    assert lane.look(9) == b"x"


def test_a_line_is_taken_with_its_end() -> None:
    """Nothing is taken before it is whole."""
    lane = fill(b"5\r")
    assert lane.take_line() is None

    lane.put(b"\nrest", seen(2))

    assert lane.take_line() == b"5\r\n"
    assert len(lane) == 4


def test_a_line_may_be_empty() -> None:
    """Its end is all of it, at the first byte."""
    lane = fill(b"\nrest")

    assert lane.take_line() == b"\n"
    assert lane.take_line() is None


def test_draining_gives_the_rest_in_its_pieces() -> None:
    """Each with the packet that brought it."""
    lane = fill(b"abc", b"", b"def")
    lane.take(2)

    assert lane.drain() == [(b"c", seen(1)), (b"def", seen(3))]
    assert len(lane) == 0


def test_offsets_count_what_was_never_seen() -> None:
    """A gap of known size moves them."""
    lane = fill(b"ab")
    lane.take(2)
    lane.skip(10)
    lane.put(b"c", seen(4))

    assert lane.span(12, 13).packets == (4,)
