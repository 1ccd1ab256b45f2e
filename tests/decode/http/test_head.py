"""Tests of heads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.decode.http.head import (
    Framing,
    RequestLine,
    StatusLine,
    decode_headers,
    decode_request_line,
    decode_status_line,
    find_host_problems,
    find_ordinary_head,
    find_request_framing,
    find_response_framing,
    is_last,
    split_lines,
)
from harness.trace.http import Header


def headers(*pairs: tuple[bytes, bytes]) -> tuple[Header, ...]:
    """Header fields."""
    return tuple(Header(name=name, value=value) for name, value in pairs)


LENGTH, CHUNKED = (b"content-LENGTH", b"7"), (b"Transfer-Encoding", b"chunked")


@pytest.mark.parametrize(
    ("line", "expected", "problem_count"),
    [
        (b"GET /a?b HTTP/1.1", RequestLine(b"GET", b"/a?b", b"HTTP/1.1"), 0),
        (b"get * HTTP/1.0", RequestLine(b"get", b"*", b"HTTP/1.0"), 0),
        (b"GET / HTTP/1.2", RequestLine(b"GET", b"/", b"HTTP/1.2"), 1),
        (b"GET /\x01 HTTP/1.1", RequestLine(b"GET", b"/\x01", b"HTTP/1.1"), 1),
        (b"GET\t/ HTTP/1.1", RequestLine(b"GET", b"/", b"HTTP/1.1"), 1),
        (b"GET /", RequestLine(b"GET", b"/", b""), 1),
        (b"GET", None, 0),
        (b"G(T / HTTP/1.1", None, 0),
        (b"", None, 0),
    ],
)
def test_request_lines(line: bytes, expected: RequestLine | None, problem_count: int) -> None:
    """Good ones without a problem, odd ones with one, others not at all."""
    found, problems = decode_request_line(line)

    assert found == expected
    assert len(problems) == problem_count


@pytest.mark.parametrize(
    ("line", "expected", "problem_count"),
    [
        (b"HTTP/1.1 200 OK", StatusLine(b"HTTP/1.1", 200, b"OK"), 0),
        (b"HTTP/1.1 200", StatusLine(b"HTTP/1.1", 200, b""), 0),
        (b"HTTP/1.1  200 OK", StatusLine(b"HTTP/1.1", 200, b"OK"), 1),
        (b"HTTP/1.1 20", None, 0),
        (b"ICY 200 OK", None, 0),
    ],
)
def test_status_lines(line: bytes, expected: StatusLine | None, problem_count: int) -> None:
    """The reason may be missing."""
    found, problems = decode_status_line(line)

    assert found == expected
    assert len(problems) == problem_count


@pytest.mark.parametrize(
    ("fields", "expected", "problem_count"),
    [
        (headers(), Framing("none"), 0),
        (headers(LENGTH), Framing("length", 7), 0),
        (headers(CHUNKED), Framing("chunked"), 0),
        (headers((b"TE", b"chunked")), Framing("none"), 0),
        (headers((b"Transfer-Encoding", b"gzip, Chunked")), Framing("chunked"), 0),
        (headers((b"Transfer-Encoding", b"gzip"), CHUNKED), Framing("chunked"), 0),
        (headers(LENGTH, CHUNKED), Framing("chunked"), 1),
        (headers(LENGTH, LENGTH), Framing("length", 7), 1),
        (headers((b"Content-Length", b"7, 7")), Framing("length", 7), 1),
        (headers(LENGTH, (b"Content-Length", b"8")), Framing("unknown"), 1),
        (headers((b"Content-Length", b"")), Framing("unknown"), 1),
        (headers((b"Content-Length", b"-1")), Framing("unknown"), 1),
        (headers((b"Content-Length", b"1" * 40)), Framing("unknown"), 1),
        (headers(CHUNKED, CHUNKED), Framing("unknown"), 2),
        (headers((b"Transfer-Encoding", b"identity")), Framing("unknown"), 2),
        (headers((b"Content-Length ", b"7")), Framing("unknown"), 1),
    ],
)
def test_request_framing(fields: tuple[Header, ...], expected: Framing, problem_count: int) -> None:
    """RFC 9112 section 6.3; a problem for each reading that another reader could have."""
    found, problems = find_request_framing(b"HTTP/1.1", fields)

    assert found == expected
    assert len(problems) == problem_count


@pytest.mark.parametrize(
    ("method", "status", "fields", "expected"),
    [
        (b"GET", 200, headers(), Framing("close")),
        (b"GET", 200, headers(LENGTH), Framing("length", 7)),
        (b"HEAD", 200, headers(LENGTH), Framing("none")),
        (b"GET", 204, headers(LENGTH), Framing("none")),
        (b"GET", 304, headers(CHUNKED), Framing("none")),
        (b"GET", 100, headers(), Framing("none")),
        (b"CONNECT", 200, headers(LENGTH), Framing("none")),
        (b"CONNECT", 403, headers(LENGTH), Framing("length", 7)),
        (None, 200, headers((b"Transfer-Encoding", b"gzip")), Framing("close")),
    ],
)
def test_response_framing(
    method: bytes | None, status: int, fields: tuple[Header, ...], expected: Framing
) -> None:
    """It depends on the method of the request."""
    assert find_response_framing(b"HTTP/1.1", status, method, fields)[0] == expected


def test_chunks_in_http_1_0_are_told() -> None:
    """A reader of that version does not know them."""
    framing, problems = find_request_framing(b"HTTP/1.0", headers(CHUNKED))

    assert framing == Framing("chunked")
    assert len(problems) == 1


@given(st.lists(st.binary(max_size=20)))
def test_any_lines_are_read(lines: list[bytes]) -> None:
    """Nothing raises, and no line is lost without a word."""
    found, problems = decode_headers(lines)

    assert len(found) + len(problems) >= len([line for line in lines if line])


@given(st.binary(max_size=60))
def test_any_block_is_split(block: bytes) -> None:
    """The lines hold all bytes but the line ends."""
    lines, _ = split_lines(block)

    kept = b"".join(lines)
    assert kept.count(b"\n") == 0
    assert len(kept) + 2 * block.count(b"\n") + 1 >= len(block)


@pytest.mark.parametrize(
    ("data", "is_request", "expected"),
    [
        (b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", True, ((b"GET", b"/a"), None, False)),
        (b"GET / HTTP/1.1\r\n\r\n", True, ((b"GET", b"/"), None, False)),
        (
            b"POST / HTTP/1.1\r\nhOst:x \r\nCONTENT-LENGTH:\t7 \r\n\r\nbody...",
            True,
            ((b"POST", b"/"), 7, False),
        ),
        (b"HTTP/1.1 204\r\nConnection: Close\r\n\r\n", False, ((b"204",), None, True)),
        (
            b"HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\nConnection: keep-alive\r\n\r\n",
            False,
            ((b"200",), None, False),
        ),
    ],
    ids=["request", "no fields", "any case", "last", "other names"],
)
def test_ordinary_heads(
    data: bytes, is_request: bool, expected: tuple[tuple[bytes, ...], int | None, bool]
) -> None:
    """Start line, length and end of the connection, found at once."""
    head = find_ordinary_head(data, is_request=is_request, limit=1000)

    assert head is not None
    assert (head.start, head.length, head.is_last) == expected
    assert data[: head.size].endswith(b"\r\n\r\n")
    assert head.size == data.index(b"\r\n\r\n") + 4


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(
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
    ),
    start=st.sampled_from(
        [b"GET / HTTP/1.1", b"GET  / HTTP/1.1", b"GET /\x01 HTTP/1.1", b"G@T / HTTP/1.1"]
    ),
)
def test_an_ordinary_head_is_what_the_parts_say(lines: list[bytes], start: bytes) -> None:
    """Where one is found, no part of it has a problem, and the length is the same."""
    head = find_ordinary_head(b"\r\n".join([start, *lines, b"", b""]), is_request=True, limit=1000)
    line, odd = decode_request_line(start)
    fields, problems = decode_headers(lines)
    if head is None:
        return

    assert line is not None
    framing, more = find_request_framing(line.version, fields)
    assert (odd, problems, more, find_host_problems(line, fields)) == ((), (), (), ())
    assert head.start == (line.method, line.target)
    assert (head.length or 0) == framing.size
    assert framing.kind in ("none", "length")
    assert head.is_last == is_last(line.version, fields)
