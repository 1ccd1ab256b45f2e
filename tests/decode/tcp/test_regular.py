"""Tests of what is regular: nothing that reassembly would have to think about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.decode.packet.table import PacketTable, read_tables
from harness.decode.tcp.group import RST_SENT, SIZE
from harness.decode.tcp.regular import Before, GroupSums, judge_groups
from harness.decode.tcp.segment_table import find_segments
from tests.packet_builder import ACK, FIN, PSH, RST, SYN, Talk, build_capture

NEVER = -(1 << 62)
NEW = Before(
    is_new=np.array([True]),
    next_low=np.array([0]),
    next_high=np.array([0]),
    sent_low=np.array([0]),
    sent_high=np.array([0]),
    time_ns=np.array([NEVER]),
)


def new_groups(count: int) -> Before:
    """Nothing was known of any of them."""
    zeros = np.zeros(count, np.int64)
    return Before(
        is_new=np.ones(count, bool),
        next_low=zeros,
        next_high=zeros,
        sent_low=zeros,
        sent_high=zeros,
        time_ns=zeros + NEVER,
    )


def judge(talk: Talk, before: Before = NEW) -> tuple[bool, GroupSums]:
    """The only group of a talk."""
    items = read_tables(build_capture(talk.frames), window=1 << 20)
    table = next(item for item in items if isinstance(item, PacketTable))
    segments, _ = find_segments(table, {0: 1})
    assert segments is not None
    (regular,), sums = judge_groups(segments, before)
    return bool(regular), sums


def opened() -> Talk:
    """A connection with numbers that are about to wrap."""
    return Talk(client_isn=0xFFFFFFF0, server_isn=0xFFFFFFFE).open()


def test_an_ordinary_connection_is_regular() -> None:
    """Its sums: packets, bytes, acknowledged bytes with FIN, FIN, RST. The server is the smaller end."""
    talk = (
        opened()
        .send("client", b"a" * 100, size=30)
        .send("server", b"b" * 50)
        .packet("client")
        .close()
    )

    regular, sums = judge(talk)

    assert regular
    assert sums.low.tolist() == [[3, 50, 51, 1, 0]]
    assert sums.high.tolist() == [[9, 100, 101, 1, 0]]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.packet("client", seq=t.next["client"] - 1, data=b"x"),
        lambda t: t.packet("client", seq=t.next["client"] + 1, data=b"x"),
        lambda t: t.packet("client", ack=t.next["server"] + 1),
        lambda t: t.packet("client", ack=t.next["server"] - 1),
        lambda t: t.packet("client", flags=SYN),
        lambda t: t.packet("client", flags=PSH, data=b"x"),
        lambda t: t.packet("server", flags=RST | ACK, data=b"x"),
        lambda t: t.close().packet("client", data=b"x"),
        lambda t: t.close().packet("server", flags=FIN | ACK, seq=t.next["server"] - 1),
    ],
    ids=[
        "again",
        "hole",
        "acknowledges the unseen",
        "acknowledges the time before",
        "second SYN",
        "no ACK",
        "data in RST",
        "data after FIN",
        "FIN again",
    ],
)
def test_what_is_odd_is_not_regular(change: Callable[[Talk], Talk]) -> None:
    """One odd packet is enough."""
    assert judge(opened())[0]
    assert not judge(change(opened()))[0]


@pytest.mark.parametrize("first", [1, 2], ids=["SYN-ACK first", "no SYN"])
def test_a_new_connection_begins_with_its_syn(first: int) -> None:
    """Without it nothing is known."""
    talk = opened()
    del talk.frames[:first]

    assert not judge(talk)[0]


def test_a_reset_is_regular() -> None:
    """In its place, without data."""
    regular, sums = judge(opened().packet("server", flags=RST))

    assert regular
    assert sums.low[0, RST_SENT] == 1


@pytest.mark.parametrize(
    ("next_low", "next_high", "sent_high", "regular"),
    [
        (9000, 1000, 50, True),
        (9001, 1000, 50, False),
        (9000, 999, 50, False),
        (9000, 1000, 5, False),
    ],
    ids=["fits", "other server", "other client", "acknowledges the time before"],
)
def test_a_known_connection_goes_on_where_it_was(
    next_low: int, next_high: int, sent_high: int, *, regular: bool
) -> None:
    """The server (the smaller end) acknowledges ten bytes less than what the client had sent."""
    before = Before(
        is_new=np.array([False]),
        next_low=np.array([next_low]),
        next_high=np.array([next_high]),
        sent_low=np.array([0]),
        sent_high=np.array([sent_high]),
        time_ns=np.array([NEVER]),
    )
    talk = Talk().packet("server", ack=990, data=b"abc")
    talk.next["server"] += 3
    talk.packet("client", data=b"de")

    got, sums = judge(talk, before)

    assert got == regular
    assert sums.low[0, SIZE] == 3


def test_time_that_goes_back_is_not_regular() -> None:
    """Before the last packet of the same connection."""
    later = Before(
        is_new=np.array([True]),
        next_low=np.array([0]),
        next_high=np.array([0]),
        sent_low=np.array([0]),
        sent_high=np.array([0]),
        time_ns=np.array([1 << 62]),
    )

    assert not judge(opened(), later)[0]
