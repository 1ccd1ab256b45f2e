"""Tests of one direction of a connection."""

from __future__ import annotations

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.tcp.direction import MAX_AHEAD, Direction, Piece
from harness.trace.connection import Gap
from harness.trace.packet import PacketNumber


def make(base: int = 0) -> Direction:
    """A direction with a known start."""
    direction = Direction("client")
    direction.begin(base, from_start=True)
    return direction


def piece(offset: int, data: bytes, number: int = 1) -> Piece:
    """Bytes at an offset."""
    return Piece(offset, len(data), data, 0, PacketNumber(number), number)


def take_all(direction: Direction) -> bytes:
    """Everything that is in order."""
    parts = []
    while direction.is_ready():
        parts.append(direction.take().data or b"")
    return b"".join(parts)


def test_pieces_are_put_in_order() -> None:
    """Nothing is given before the bytes that precede it."""
    direction = make()
    direction.add(piece(3, b"def"))
    assert not direction.is_ready()

    direction.add(piece(0, b"abc", 2))

    assert take_all(direction) == b"abcdef"
    stream = direction.build_stream()
    assert stream.sha256 == hashlib.sha256(b"abcdef").hexdigest()
    assert (stream.size, stream.gaps) == (6, ())


DATA = bytes(range(97, 123))


@given(
    st.lists(st.tuples(st.integers(0, 25), st.integers(1, 26)), max_size=12),
    st.randoms(use_true_random=False),
)
def test_any_cuts_overlaps_and_orders_give_the_same_bytes(
    cuts: list[tuple[int, int]], random: object
) -> None:
    """As long as every byte is there once, and copies agree."""
    pieces = [piece(begin, DATA[begin : begin + size]) for begin, size in cuts]
    pieces += [piece(n, DATA[n : n + 5]) for n in range(0, 26, 5)]
    random.shuffle(pieces)  # type: ignore[attr-defined]
    direction = make()

    out = b""
    for one in pieces:
        direction.add(one)
        out += take_all(direction)

    assert out == DATA
    assert direction.malformed == []
    assert direction.buffered == 0


@pytest.mark.parametrize("taken", [False, True], ids=["waiting", "delivered"])
def test_of_two_copies_the_first_wins_and_the_conflict_is_told(taken: bool) -> None:
    """Also when the first one has been delivered already."""
    direction = make()
    direction.add(piece(1 - taken, b"abc", 4))
    out = take_all(direction)

    direction.add(piece(0, b"xaXc"[1 if taken else 0 :], 7))

    assert out + take_all(direction) == (b"abc" if taken else b"xabc")
    assert [(m.layer, m.packets) for m in direction.malformed] == [("tcp", (4, 7))]
    assert "0x62 in packet 4 and 0x58 in packet 7" in direction.malformed[0].message


def test_a_keep_alive_is_no_conflict() -> None:
    """It repeats the last byte with any content (RFC 1122 section 4.2.3.6)."""
    direction = make()
    direction.add(piece(0, b"abc"))
    take_all(direction)

    direction.add(piece(2, b"\0"))

    assert direction.malformed == []
    assert direction.next == 3


def test_a_hole_is_known_when_it_is_acknowledged() -> None:
    """Before that, it may still fill."""
    direction = make()
    direction.add(piece(5, b"f"))
    assert direction.missing_until() is None

    direction.acked = 3
    assert direction.missing_until() == 3
    direction.acked = 9

    assert direction.missing_until() == 5


def test_gaps_are_joined_and_take_the_hash() -> None:
    """Two holes side by side are one; without all bytes there is no hash."""
    direction = make()
    direction.skip(3)
    direction.skip(5)
    direction.add(piece(5, b"f"))
    take_all(direction)

    stream = direction.build_stream()

    assert stream.gaps == (Gap(offset=0, size=5),)
    assert (stream.size, stream.sha256) == (6, None)


def test_sequence_numbers_wrap() -> None:
    """Offsets go on where 32 bits end."""
    direction = make(base=0xFFFFFFFE)
    direction.add(piece(direction.place(0xFFFFFFFE), b"abcd"))
    take_all(direction)

    assert direction.place(2) == 4
    assert direction.place(0xFFFFFFFF) == 1


def test_a_segment_out_of_any_window_is_told() -> None:
    """It is no data of this connection."""
    direction = make()

    direction.add(piece(MAX_AHEAD + 1, b"x"))

    assert direction.pieces == []
    assert (
        direction.malformed[0].message
        == f"a segment at offset {MAX_AHEAD + 1}, {MAX_AHEAD + 1} bytes ahead"
    )


def test_a_guessed_start_moves_back() -> None:
    """A packet that was overtaken by the first one seen still counts."""
    direction = Direction("server")
    direction.begin(100, from_start=False)

    direction.add(piece(-3, b"abc"))

    assert take_all(direction) == b"abc"
    assert not direction.build_stream().from_start


def test_many_small_repetitions_cost_little() -> None:
    """A copy is compared with the pieces it covers, not with all that are remembered."""
    direction = make()
    for offset in range(20_000):
        direction.add(piece(offset, b"a", offset + 1))
        direction.take()

    began = time.process_time()
    for offset in range(4_000, 8_000):
        direction.add(piece(offset, b"ab", 30_000))

    assert time.process_time() - began < 2
    assert direction.malformed[0].packets == (4_002, 30_000)
    assert direction.next == 20_000
