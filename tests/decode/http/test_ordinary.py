"""Tests of heads in which nothing is odd: what the careful reader makes of them, or none at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.decode.http.head import (
    decode_headers,
    decode_request_line,
    decode_status_line,
    find_host_problems,
    find_request_framing,
    find_response_framing,
    is_last,
)
from harness.decode.http.ordinary import MAX_HEAD_SIZE, find_ordinary_head

Expected = tuple[tuple[bytes, ...], int, bool]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n"


@pytest.mark.parametrize(
    ("data", "method", "expected"),
    [
        (b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", None, ((b"GET", b"/a"), 0, False)),
        (b"GET / HTTP/1.1\r\n\r\n", None, ((b"GET", b"/"), 0, False)),
        (
            b"POST / HTTP/1.1\r\nhOst:x \r\nCONTENT-LENGTH:\t7 \r\n\r\nbody...",
            None,
            ((b"POST", b"/"), 7, False),
        ),
        (b"CONNECTED / HTTP/1.1\r\n\r\n", None, ((b"CONNECTED", b"/"), 0, False)),
        (b"HTTP/1.1 204\r\nConnection: Close\r\n\r\n", b"GET", ((b"204",), 0, True)),
        (OK.replace(b"200", b"304") + b"\r\n", b"GET", ((b"304",), 0, False)),
        (OK + b"\r\n", b"HEAD", ((b"200",), 0, False)),
        (OK + b"Connection: keep-alive\r\n\r\n", b"GET", ((b"200",), 9, False)),
        (
            b"HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\nContent-Length: 0\r\n\r\n",
            b"GET",
            ((b"200",), 0, False),
        ),
    ],
    ids=[
        "request",
        "no fields",
        "any case",
        "another method",
        "last",
        "not modified",
        "HEAD",
        "goes on",
        "other names",
    ],
)
def test_ordinary_heads(data: bytes, method: bytes | None, expected: Expected) -> None:
    """Start line, length and end of the connection, found at once."""
    head = find_ordinary_head(data, method)

    assert head is not None
    assert (head.start, head.body_size, head.is_last) == expected
    assert data[: head.size].endswith(b"\r\n\r\n")
    assert head.size == data.index(b"\r\n\r\n") + 4


@pytest.mark.parametrize(
    ("data", "method"),
    [
        (b"CONNECT / HTTP/1.1\r\n\r\n", None),
        (b"PROXY / HTTP/1.1\r\n\r\n", None),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"HEAD"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"GET"),
        (b"GET / HTTP/1.1\r\n", None),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD_SIZE + b"\r\n\r\n", None),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 19 + b"\r\n\r\n", None),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nConnection: upgrade\r\n\r\n", None),
    ],
    ids=[
        "CONNECT",
        "PROXY",
        "interim",
        "until close",
        "cut",
        "very long",
        "very many digits",
        "no number",
        "another option",
    ],
)
def test_other_heads_are_left_to_care(data: bytes, method: bytes | None) -> None:
    """Whatever somebody could take for something else."""
    assert find_ordinary_head(data, method) is None


LINES = st.lists(
    st.sampled_from(
        [
            b"Host: x",
            b"Host: y, z",
            b"content-length: 5",
            b"Content-Length: 5, 5",
            b"Content-Length : 5",
            b"Transfer-Encoding: chunked",
            b"Connection: close",
            b"Connection: keep-alive, x",
            b"A: b",
            b" folded",
            b"A: b\x00",
            b"A: b\nC: d",
            b"no colon",
            b"A\x80: b",
            b"A: \xe9",
        ]
    ),
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(
    lines=LINES,
    start=st.sampled_from(
        [b"GET / HTTP/1.1", b"GET  / HTTP/1.1", b"GET /\x01 HTTP/1.1", b"G@T / HTTP/1.1"]
    ),
)
def test_an_ordinary_request_is_what_the_parts_say(lines: list[bytes], start: bytes) -> None:
    """Where one is found, no part of it has a problem, and the length is the same."""
    head = find_ordinary_head(b"\r\n".join([start, *lines, b"", b""]), None)
    line, odd = decode_request_line(start)
    fields, problems = decode_headers(lines)
    if head is None:
        return

    assert line is not None
    framing, more = find_request_framing(line.version, fields)
    assert (odd, problems, more, find_host_problems(line, fields)) == ((), (), (), ())
    assert head.start == (line.method, line.target)
    assert head.body_size == framing.size
    assert framing.kind in ("none", "length")
    assert head.is_last == is_last(line.version, fields)


@settings(max_examples=300, deadline=None)
@given(
    lines=LINES,
    start=st.sampled_from(
        [
            *(b"HTTP/1.1 %d X" % status for status in (100, 200, 203, 204, 205, 304, 404, 599)),
            b"HTTP/1.1 204",
            b"HTTP/1.1  200",
            b"HTTP/1.0 200 OK",
        ]
    ),
    method=st.sampled_from([b"GET", b"HEAD", b"head", b"POST"]),
)
def test_an_ordinary_response_is_what_the_parts_say(
    lines: list[bytes], start: bytes, method: bytes
) -> None:
    """Whatever was asked."""
    head = find_ordinary_head(b"\r\n".join([start, *lines, b"", b""]), method)
    line, odd = decode_status_line(start)
    fields, problems = decode_headers(lines)
    if head is None:
        return

    assert line is not None
    framing, more = find_response_framing(line.version, line.status, method, fields)
    assert (odd, problems, more) == ((), (), ())
    assert head.start == (b"%d" % line.status,)
    assert head.body_size == framing.size
    assert framing.kind in ("none", "length")
    assert head.is_last == is_last(line.version, fields)
