"""Tests of heads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.http.head import (
    Framing,
    RequestLine,
    StatusLine,
    decode_headers,
    decode_request_line,
    decode_status_line,
    find_host_problems,
    find_request_framing,
    find_response_framing,
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


@pytest.mark.parametrize("more", [b"", b"x" * 300], ids=["short", "long"])
@pytest.mark.parametrize(
    ("lines", "expected", "problem_count"),
    [
        ([b"A:\t b ", b"C:"], headers((b"A", b"b"), (b"C", b"")), 0),
        ([b"A: b", b"\tc "], headers((b"A", b"b\r\n\tc")), 1),
        ([b" c", b"A: b"], headers((b"A", b"b")), 1),
        ([b"A : b"], headers((b"A ", b"b")), 1),
        ([b"A\x80: b"], headers((b"A\x80", b"b")), 1),
        ([b"A: b\x00c"], headers((b"A", b"b\x00c")), 1),
        ([b"A b", b"C: d"], headers((b"A b", b""), (b"C", b"d")), 1),
    ],
    ids=[
        "ordinary",
        "folded",
        "space first",
        "space before colon",
        "no token",
        "NUL",
        "no colon",
    ],
)
def test_field_lines(
    lines: list[bytes], expected: tuple[Header, ...], problem_count: int, more: bytes
) -> None:
    """Names and values stay as they were sent; a problem says what is odd, however long the line is."""
    padded = [*lines, b"Z: " + more] if more else lines

    found, problems = decode_headers(padded)

    assert found == (*expected, *(headers((b"Z", more)) if more else ()))
    assert len(problems) == problem_count


@pytest.mark.parametrize(
    ("target", "hosts", "problem_count"),
    [
        (b"/", [], 0),
        (b"/", [b"x"], 0),
        (b"/", [b"x", b"x"], 1),
        (b"/", [b"x", b"y"], 1),
        (b"/", [b"x y"], 1),
        (b"http://x/", [], 0),
        (b"http://x/", [b"X"], 0),
        (b"http://x:80/", [b"x"], 0),
        (b"HTTPS://x", [b"x:443"], 0),
        (b"https://x:80/", [b"x"], 1),
        (b"http://x/", [b"y"], 1),
    ],
)
def test_hosts(target: bytes, hosts: list[bytes], problem_count: int) -> None:
    """RFC 9112 section 3.2: one Host, and the one of the target; the usual port may be left out."""
    line = RequestLine(b"GET", target, b"HTTP/1.1")

    problems = find_host_problems(line, headers(*((b"Host", host) for host in hosts)))

    assert len(problems) == problem_count


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
