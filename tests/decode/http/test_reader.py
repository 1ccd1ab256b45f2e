"""Tests of one side of an HTTP connection: its limits, which whole dialogues (test_http1.py) do not reach."""

from __future__ import annotations

import pytest

from harness.decode.detail import EVERYTHING
from harness.decode.http.head import Framing
from harness.decode.http.lane import Span
from harness.decode.http.message import Draft
from harness.decode.http.ordinary import MAX_HEAD_SIZE
from harness.decode.http.reader import Reader, State
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen, Side

SEEN = Seen(time_ns=1, packets=(PacketNumber(1),))


class Ledger:
    """An owner that writes down what it is told."""

    def __init__(self) -> None:
        self.ended: list[bool] = []
        self.reports: list[str] = []
        self.reader = Reader("client", self, EVERYTHING)

    def begin_message(self, side: Side, draft: Draft) -> Framing:
        return self.reader.framing(draft, None)

    def end_message(self, side: Side, draft: Draft, *, complete: bool) -> bool:
        self.ended.append(complete)
        return False

    def report(self, side: Side, message: str, span: Span) -> None:
        self.reports.append(message)


@pytest.mark.parametrize(
    "start",
    [b"GET / HTTP/1.1\r\nA: ", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;"],
    ids=["head", "chunk line"],
)
def test_what_does_not_end_is_given_up(start: bytes) -> None:
    """Memory is not the sender's to use."""
    ledger = Ledger()
    ledger.reader.feed(start, SEEN)
    for _ in range(5):
        ledger.reader.feed(b"x" * (MAX_HEAD_SIZE // 4), SEEN)

    assert ledger.reader.state is State.OTHER
    assert len(ledger.reader.lane) == 0
    assert len(ledger.reports) == 1


def test_a_head_that_has_begun_is_known() -> None:
    """An answer that comes now is for it."""
    ledger = Ledger()
    assert not ledger.reader.is_amid_head

    ledger.reader.feed(b"GET /", SEEN)

    assert ledger.reader.is_amid_head


def test_a_cut_head_is_a_message_that_is_not_complete() -> None:
    """Its first line is evidence."""
    ledger = Ledger()
    ledger.reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\nX", SEEN)
    ledger.reader.end(closed=True)

    assert ledger.ended == [False]


def test_a_cut_first_line_is_nothing() -> None:
    """Half a line says nothing."""
    ledger = Ledger()
    ledger.reader.feed(b"GET / HTT", SEEN)
    ledger.reader.end(closed=True)

    assert ledger.ended == []
