"""Fragments: any cut, any order, any repetition give the datagram; contradictions never do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.decode.packet.fragment import (
    MAX_BYTES,
    MAX_PENDING,
    MAX_WAIT_NS,
    Fragment,
    FragmentReader,
    Joined,
)
from harness.trace.packet import PacketNumber

KEY = ("tap", b"aaaa", b"bbbb", 6, 7)


def part(
    offset: int, data: bytes, *, last: bool = False, number: int = 1, time_ns: int = 0
) -> Fragment:
    """One fragment."""
    return Fragment(offset, data, last, PacketNumber(number), time_ns)


def feed_all(*parts: Fragment) -> list[Joined | str]:
    """What each one gives, in order."""
    reader = FragmentReader()
    return [reader.feed(KEY, fragment) for fragment in parts]


@st.composite
def cut_up(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, bytes, bool]]]:
    """A datagram, and ranges of it that cover it, overlapping, repeated and shuffled; the end comes once or more."""
    data = draw(st.binary(min_size=9, max_size=200))
    blocks = (len(data) + 7) // 8
    cuts = sorted({0, blocks, *draw(st.lists(st.integers(1, blocks - 1), max_size=6))})
    ranges = [(low * 8, high * 8) for low, high in pairwise(cuts)]
    more = st.tuples(st.integers(0, blocks - 1), st.integers(1, blocks))
    ranges += [(low * 8, (low + size) * 8) for low, size in draw(st.lists(more, max_size=4))]
    parts = [(low, data[low:high], high >= len(data)) for low, high in ranges]
    return data, draw(st.permutations(parts))


@given(cut_up())
def test_any_cover_gives_the_datagram(made: tuple[bytes, list[tuple[int, bytes, bool]]]) -> None:
    """As soon as all bytes and the end are there, and not before."""
    data, parts = made
    reader = FragmentReader()
    here: set[int] = set()
    ended = False
    for number, (offset, piece, last) in enumerate(parts, 1):
        found = reader.feed(KEY, part(offset, piece, last=last, number=number))
        here |= set(range(offset, offset + len(piece)))
        ended |= last
        if ended and len(here) == len(data):
            assert isinstance(found, Joined)
            assert found.data == data
            assert list(found.earlier) == sorted(set(found.earlier))
            assert all(n < number for n in found.earlier)
            assert len(reader) == 0
            return
        assert found == "fragment"
    raise AssertionError("the parts cover the datagram")


@given(cut_up(), st.data())
def test_a_changed_copy_is_never_joined(
    made: tuple[bytes, list[tuple[int, bytes, bool]]], draw: st.DataObject
) -> None:
    """Two copies that differ: no bytes are chosen silently, whatever comes after."""
    data, parts = made
    offset, piece, last = draw.draw(st.sampled_from(parts))
    assume(len(piece) < len(data))
    at = draw.draw(st.integers(0, len(piece) - 1))
    changed = piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :]

    copies = (part(offset, changed, last=last), part(offset, piece, last=last))
    found = feed_all(*copies, *(part(o, p, last=e) for o, p, e in parts))

    assert not any(isinstance(f, Joined) for f in found)


@pytest.mark.parametrize(
    ("parts", "note"),
    [
        ([part(0, b"x" * 9)], "fragment of 9 bytes, not a multiple of 8"),
        ([part(0xFFF8, b"x" * 8)], "fragment that ends at byte 65536 of its datagram"),
        ([part(0, b"x" * 8, last=True), part(8, b"y" * 8)], None),
        ([part(8, b"x" * 8), part(0, b"y" * 8, last=True)], "fragment that overlaps others"),
        ([part(16, b"x" * 8), part(8, b"y", last=True)], "fragment that overlaps others"),
        ([part(8, b"x" * 4, last=True), part(8, b"x" * 5, last=True)], "fragment that overlaps"),
    ],
    ids=["odd size", "too long", "after its end", "before the end", "end inside", "two ends"],
)
def test_impossible_fragments_are_named(parts: list[Fragment], note: str | None) -> None:
    """And never joined."""
    found = feed_all(*parts)[-1]

    assert isinstance(found, str)
    assert found.startswith(note or "fragment")


def test_packets_of_all_parts_are_told() -> None:
    """Evidence is every packet that carried a part of it."""
    found = feed_all(
        part(16, b"c", last=True, number=4),
        part(0, b"a" * 8, number=5),
        part(8, b"b" * 8, number=9),
    )[-1]

    assert found == Joined(b"a" * 8 + b"b" * 8 + b"c", (PacketNumber(4), PacketNumber(5)))


def test_old_parts_are_forgotten() -> None:
    """An identification is used again some day; parts of two datagrams must not be mixed."""
    found = feed_all(part(0, b"a" * 8), part(8, b"b", last=True, time_ns=MAX_WAIT_NS + 1))

    assert found == ["fragment", "fragment"]


def test_memory_is_limited() -> None:
    """By the count of datagrams, and by their bytes."""
    reader = FragmentReader()
    for number in range(3 * MAX_PENDING):
        reader.feed(("tap", b"a", b"b", 6, number), part(0, b"x" * 8))
    few = len(reader)
    for number in range(1000):
        reader.feed(("tap", b"a", b"b", 17, number), part(0, b"x" * 65528))

    assert few <= MAX_PENDING
    assert len(reader) * 65528 <= MAX_BYTES + 2 * 65528
