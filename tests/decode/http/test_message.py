"""Tests of messages in the making."""

from __future__ import annotations

from hashlib import sha256

from harness.decode.http.head import RequestLine, StatusLine
from harness.decode.http.lane import Span
from harness.decode.http.message import MAX_BODY_KEPT, Body, Draft
from harness.trace.packet import PacketNumber

SPAN = Span(5, 9, (PacketNumber(2), PacketNumber(4)))


def test_of_a_long_body_the_begin_is_kept() -> None:
    """Size and hash are of all of it."""
    body = Body()
    body.add(b"a" * (MAX_BODY_KEPT - 1))
    body.add(b"bc")
    body.add(b"d")

    assert bytes(body.kept) == b"a" * (MAX_BODY_KEPT - 1) + b"b"
    assert body.size == MAX_BODY_KEPT + 2
    assert body.sha256() == sha256(b"a" * (MAX_BODY_KEPT - 1) + b"bcd").hexdigest()


def test_missing_bytes_are_counted_and_take_the_hash() -> None:
    """And the message is not complete, whatever its end says."""
    draft = Draft(begin=0, line=RequestLine(b"GET", b"/", b"HTTP/1.1"), headers=())
    draft.body.miss(7)

    request = draft.build_request(SPAN, complete=True)

    assert (request.body_size, request.body_sha256, request.complete) == (7, "", False)


def test_a_response_has_its_line_and_packets() -> None:
    """Everything of the draft and of the span."""
    draft = Draft(begin=0, line=StatusLine(b"HTTP/1.1", 200, b"OK"), headers=())

    response = draft.build_response(SPAN, complete=True)

    assert (response.status, response.reason, response.version) == (200, b"OK", b"HTTP/1.1")
    assert (response.first_ns, response.last_ns, response.packets) == (5, 9, (2, 4))
    assert response.complete
