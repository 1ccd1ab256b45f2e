"""Progress: a long file says how much of it was read."""

from __future__ import annotations

import itertools
from io import BytesIO, StringIO
from pathlib import Path

import pytest

from harness.cli.progress import PAUSE_NS, Watched, open_spool

DATA = bytes(range(100))


def _watched(step_ns: int) -> tuple[Watched, StringIO]:
    """A file of 100 bytes; each look at the clock is so much later."""
    out, times = StringIO(), itertools.count(0, step_ns)
    return Watched(BytesIO(DATA), "big.pcap", size=100, out=out, clock=lambda: next(times)), out


def test_the_bytes_are_those_of_the_file() -> None:
    """By either way of reading, from any place."""
    watched, _ = _watched(0)
    room = bytearray(10)

    assert (watched.read(3), watched.tell()) == (DATA[:3], 3)
    assert watched.readinto(room) == 10
    assert bytes(room) == DATA[3:13]
    assert (watched.seek(-1, 2), watched.read()) == (99, DATA[99:])


def test_what_is_quick_says_nothing() -> None:
    """Nor does what was read in between."""
    watched, out = _watched(PAUSE_NS // 4)
    for _ in range(3):
        watched.read(10)

    assert out.getvalue() == ""


def test_each_reading_has_a_number() -> None:
    """The first needs none; a look at the beginning is no reading."""
    watched, out = _watched(PAUSE_NS)
    watched.read(10)
    watched.seek(0)
    watched.read(60)
    watched.seek(0)
    watched.read(25)

    assert out.getvalue().splitlines() == [
        "big.pcap: 10 % read",
        "big.pcap: 60 % read",
        "big.pcap: 25 % read, reading 2",
    ]


@pytest.mark.parametrize(
    ("place", "size", "expected"),
    [(0, 50, ""), (0, 51, ", reading 2"), (1, 51, "")],
    ids=["half", "more than half", "not back at the beginning"],
)
def test_what_counts_as_a_reading(place: int, size: int, expected: str) -> None:
    """More than half of the file, and then its beginning again; all of it is told as such."""
    watched, out = _watched(PAUSE_NS)
    watched.read(size)
    watched.seek(place)
    watched.read()

    assert out.getvalue().splitlines()[-1] == f"big.pcap: 100 % read{expected}"


def test_short_looks_do_not_add_up() -> None:
    """Each one counts from the beginning."""
    watched, out = _watched(PAUSE_NS)
    for size in (60, 30, 30, 40):
        watched.seek(0)
        watched.read(size)

    assert out.getvalue().splitlines()[-1] == "big.pcap: 40 % read, reading 2"


def test_what_is_written_can_be_read_and_is_counted() -> None:
    """A temporary file for connections: how many were taken out again."""
    out, times = StringIO(), itertools.count(0, PAUSE_NS)
    kept = BytesIO()
    watched = Watched(kept, "big.pcap: connections", size=0, out=out, clock=lambda: next(times))
    assert (watched.write(DATA[:60]), watched.write(DATA[60:]), watched.tell()) == (60, 40, 100)
    watched.flush()
    watched.seek(40)

    assert watched.read(35) == DATA[40:75]
    assert out.getvalue() == "big.pcap: connections: 75 % read\n"
    watched.close()
    assert (watched.closed, kept.closed) == (True, True)


def test_connections_wait_in_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the program leaves nothing behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with open_spool("big.pcap: connections") as spool:
        spool.write(DATA)
        spool.seek(1)
        assert spool.read(2) == DATA[1:3]
        assert list(tmp_path.iterdir()) == []
