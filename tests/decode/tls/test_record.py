"""Tests of harness/decode/tls/record.py."""

from __future__ import annotations

import pytest

from harness.decode.tls.record import NotRecord, Record, RecordReader
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen
from tests.tls_script import record

HELLO, DATA, MORE = record(22, b"hello"), record(23, bytes(40)), record(23, bytes(300))
STREAM = HELLO + DATA + MORE


def seen(number: int) -> Seen:
    """One packet."""
    return Seen(time_ns=number * 10, packets=(PacketNumber(number),))


def read(*pieces: bytes | int) -> list[Record | NotRecord]:
    """Feed pieces as packets 1, 2, ...; an integer is a hole."""
    reader = RecordReader()
    items: list[Record | NotRecord] = []
    for index, piece in enumerate(pieces):
        if isinstance(piece, int):
            partial = reader.gap(piece)
            items += [partial] if partial else []
        else:
            reader.feed(piece, seen(index + 1))
            while (item := reader.take()) is not None:
                items.append(item)
    return items


def fragments(items: list[Record | NotRecord]) -> list[bytes]:
    """The fragments of whole records."""
    return [item.fragment for item in items if isinstance(item, Record) and item.whole]


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_every_cut_gives_the_same_records(cut: int) -> None:
    """Two pieces, cut anywhere, are three records."""
    assert fragments(read(STREAM[:cut], STREAM[cut:])) == [b"hello", bytes(40), bytes(300)]


def test_byte_by_byte_gives_the_same_records() -> None:
    """One byte at a time."""
    assert fragments(read(*(STREAM[i : i + 1] for i in range(len(STREAM))))) == [
        b"hello",
        bytes(40),
        bytes(300),
    ]


def test_record_names_all_its_packets() -> None:
    """A record over three packets was seen in all of them, its body in the last two."""
    (item,) = read(HELLO[:5], HELLO[5:7], HELLO[7:])

    assert isinstance(item, Record)
    assert item.seen.packets == (1, 2, 3)
    assert item.seen.time_ns == 30
    assert item.body_spans == ((2, seen(2)), (3, seen(3)))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x02\x00\x00\x05",
        b"\x19\x03\x03\x00\x05",
        b"\x17\x03\x03\x48\x01",
        bytes(9),
    ],
    ids=["http", "version", "type", "length", "zeros"],
)
def test_other_bytes_are_reported_once(data: bytes) -> None:
    """What cannot begin a record is told with its bytes, and only once."""
    items = read(data, data)

    assert [item.message for item in items if isinstance(item, NotRecord)] == [
        f"not a TLS record: {data[:5].hex(' ')}"
    ]


def test_longest_record_is_taken() -> None:
    """RFC 5246 section 6.2.3: 2^14 + 2048 bytes are allowed."""
    longest = record(23, bytes(18432))

    assert fragments(read(longest)) == [bytes(18432)]


@pytest.mark.parametrize("start", range(len(HELLO), len(HELLO + DATA)))
def test_hole_inside_a_record_loses_that_one_only(start: int) -> None:
    """The hole begins anywhere in the second record and ends with it or before: the third one is there."""
    end = max(start + 1, len(HELLO + DATA) - 3)
    items = read(STREAM[:start], end - start, STREAM[end:], HELLO)

    assert fragments(items)[-1] == b"hello"
    assert fragments(items)[0] == b"hello"
    assert bytes(40) not in fragments(items)


def test_start_of_a_cut_record_is_given() -> None:
    """What was there before the hole is not thrown away."""
    items = read(HELLO[:8], 2, DATA)

    assert isinstance(items[0], Record)
    assert (items[0].whole, items[0].fragment) == (False, b"hel")
    assert isinstance(items[1], Record)
    assert (items[1].fragment, items[1].lost_limit) == (bytes(40), 1)


def test_step_is_found_again_after_a_hole_over_several_records() -> None:
    """Rubbish after the hole is passed over; the next header that is followed by another one counts."""
    items = read(HELLO, 1000, b"\x17\x03rubbish\x16\x03\x03\x00\x02ab\xff" + DATA + MORE)

    assert fragments(items) == [b"hello", bytes(40), bytes(300)]
    assert isinstance(items[1], Record)
    assert items[1].lost_limit == 1000 // 22 + 1


def test_hole_that_ends_in_a_skipped_part_is_counted() -> None:
    """Two holes in one record, then the next record."""
    items = read(MORE[:20], 50, MORE[70:100], 50, MORE[150:], DATA)

    assert fragments(items) == [bytes(40)]


def test_second_hole_before_step_is_found() -> None:
    """Bytes between two holes that show no record are forgotten."""
    items = read(HELLO, 100, bytes(10), 100, DATA + MORE)

    assert fragments(items) == [b"hello", bytes(40), bytes(300)]


def test_rest_is_the_start_of_a_record_only() -> None:
    """Less than a header is nothing, more is a partial record."""
    short, long = RecordReader(), RecordReader()
    short.feed(HELLO[:4], seen(1))
    long.feed(HELLO[:7], seen(1))
    rest = long.take_rest()

    assert short.take_rest() is None
    assert rest is not None
    assert rest.fragment == b"he"


def test_hole_of_unknown_size_skips_nothing() -> None:
    """The next place that looks like a record counts, also inside what would be the rest of a record."""
    items = read(HELLO + MORE[:20], 0, b"rest" + DATA)

    assert fragments(items) == [b"hello", bytes(40)]
    assert isinstance(items[-1], Record)
    assert items[-1].lost_limit > 1
