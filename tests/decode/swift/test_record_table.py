"""Tests of records found for many connections at once: the same as one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.swift import record_table
from harness.decode.swift.odd import OddError
from harness.decode.swift.record import find_record_end
from harness.decode.swift.record_table import find_records
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.trace.packet import PacketNumber
from tests.decode.tcp.test_talk_table import table_of

Places = list[tuple[int, int, int]]


def talk(client: bytes, server: bytes = b"") -> Talk:
    """One packet a side."""
    runs = [Run(data, [len(data)], [PacketNumber(1)], [1]) for data in (client, server)]
    return Talk(*runs)


def read(*talks: Talk) -> list[tuple[Places, bool]]:
    """Of each side type, begin and end of its records; and whether it consists of them."""
    table = table_of(*talks)
    found = find_records(table)
    sides = []
    for side, begin in enumerate(table.start[:-1].tolist()):
        mine = slice(found.start[side], found.start[side + 1])
        assert set(found.side[mine].tolist()) <= {side}
        columns = (found.kind[mine], found.begin[mine] - begin, found.end[mine] - begin)
        rows = list(zip(*(column.tolist() for column in columns), strict=True))
        sides.append((rows, bool(found.is_whole[side])))
    return sides


def read_one(data: bytes) -> tuple[Places, bool]:
    """The same record by record."""
    found: Places = []
    at = 0
    while at < len(data):
        try:
            end = find_record_end(data, at, len(data))
        except OddError:
            end = None
        if end is None:
            return found, False
        found.append((data[at], at, end))
        at = end
    return found, True


RECORD = st.builds(
    lambda kind, minor, body: bytes((kind, 3, minor)) + len(body).to_bytes(2, "big") + body,
    st.integers(19, 24),
    st.integers(0, 5),
    st.binary(max_size=6),
)
SIDE = st.builds(
    lambda parts, rest: b"".join(parts) + rest, st.lists(RECORD), st.binary(max_size=7)
)


@given(sides=st.lists(st.tuples(SIDE, SIDE), max_size=6))
def test_they_are_those_that_one_finds_one_by_one(sides: list[tuple[bytes, bytes]]) -> None:
    """Whatever stands before or behind."""
    got = read(*(talk(*pair) for pair in sides))

    assert got == [read_one(data) for pair in sides for data in pair]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x03\x00",
        b"\x16\x03\x03\x00\x02a",
        b"\x15\x04\x03\x00\x01a",
        b"GET / HTTP/1.1",
        b"\x17\x03\x03\xff\xff" + bytes(0xFFFF),
    ],
    ids=["header cut", "cut", "version", "no record", "too large"],
)
def test_what_is_no_whole_record(data: bytes) -> None:
    """It is not passed over, and the other side is not touched."""
    alert = b"\x15\x03\x03\x00\x02\x01\x00"

    assert read(talk(alert + data, alert)) == [([(21, 0, 7)], False), ([(21, 0, 7)], True)]


def test_very_many_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each turn costs as much for one side as for a hundred."""
    monkeypatch.setattr(record_table, "MAX_RECORDS", 3)
    empty = b"\x17\x03\x03\x00\x00"

    assert [whole for _, whole in read(talk(empty * 3, empty * 4))] == [True, False]
