"""Tests of single records: where they end, which is the first of application data, and what is passed over."""

from __future__ import annotations

import pytest

from harness.decode.swift.odd import OddError
from harness.decode.swift.record import find_record_end, open_first, pass_over
from harness.decode.tls.record import ALERT, APPLICATION_DATA, FRAGMENT_LIMIT, HANDSHAKE
from tests.decode.swift.test_channel import begin


@pytest.mark.parametrize(
    ("data", "at", "expected"),
    [
        (b"", 0, None),
        (b"\x17\3\3\0", 0, None),
        (b"\x17\3\3\0\2a", 0, None),
        (b"\x17\3\3\0\2ab", 0, 7),
        (b"..\x14\3\1\0\1a", 2, 8),
        (b"\x15\3\4\0\0", 0, 5),
    ],
    ids=["nothing", "head cut", "cut", "whole", "at a place", "empty"],
)
def test_where_a_record_ends(data: bytes, at: int, expected: int | None) -> None:
    """None: its end is not there yet."""
    assert find_record_end(data, at, len(data)) == expected
    assert find_record_end(data + b"more", at, len(data)) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"\x13\3\3\0\0",
        b"\x18\3\3\0\0",
        b"\x17\2\3\0\0",
        b"\x17\3\5\0\0",
        b"\x17\3\3" + (FRAGMENT_LIMIT + 1).to_bytes(2, "big"),
    ],
    ids=["type below", "type above", "major version", "minor version", "too long"],
)
def test_what_is_no_record_is_odd(head: bytes) -> None:
    """Also before it is whole."""
    with pytest.raises(OddError):
        find_record_end(head, 0, 5)


def test_the_longest_record() -> None:
    """RFC 8446 section 5.2, and what older versions allow."""
    head = b"\x17\3\3" + FRAGMENT_LIMIT.to_bytes(2, "big")

    assert find_record_end(head + bytes(FRAGMENT_LIMIT), 0, 1 << 20) == 5 + FRAGMENT_LIMIT


def test_the_first_record_proves_itself() -> None:
    """Whatever stands before it; of sixteen others none is."""
    channel, run, at = begin("1.3", "server")
    end = find_record_end(run.data, at, len(run.data))
    assert end is not None
    opener, begins, ends = channel.epoch.opener, [0, at], [127, end]

    assert open_first(opener, run.data, begins, ends, [0] * 15) is None
    opened = open_first(opener, run.data, begins, ends, [*[0] * 15, 1])
    assert opened is not None
    assert (opened[0], opened[1] in (HANDSHAKE, APPLICATION_DATA)) == (1, True)
    with pytest.raises(OddError):
        open_first(opener, run.data, begins, ends, [*[0] * 16, 1])


TICKET = b"\4\0\0\3abc"


@pytest.mark.parametrize("content", [b"", TICKET, TICKET * 2], ids=["none", "one", "two"])
def test_tickets_are_passed_over(content: bytes) -> None:
    """Whole ones, in TLS 1.3; alerts always."""
    pass_over(HANDSHAKE, content, is_tls13=True)
    for is_tls13 in (False, True):
        pass_over(ALERT, b"\1\0", is_tls13=is_tls13)


@pytest.mark.parametrize(
    ("kind", "content", "is_tls13"),
    [
        (HANDSHAKE, TICKET, False),
        (HANDSHAKE, TICKET[:-1], True),
        (HANDSHAKE, TICKET + b"\4\0\0", True),
        (HANDSHAKE, b"\x18" + TICKET[1:], True),
        (HANDSHAKE, TICKET + b"\x18\0\0\1\0", True),
        (20, b"\1", True),
        (99, b"", False),
    ],
    ids=["TLS 1.2", "cut", "head cut", "key update", "another after it", "change", "unknown"],
)
def test_the_rest_is_odd(kind: int, content: bytes, is_tls13: bool) -> None:
    """Nothing else stands beside application data."""
    with pytest.raises(OddError):
        pass_over(kind, content, is_tls13=is_tls13)
