"""The fields of HTTP/2 messages: what they say, and what is wrong with them."""

from __future__ import annotations

import pytest

from harness.decode.http.fields import read_head, read_trailers
from harness.decode.http.head import RequestLine, StatusLine

GET = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"access.example.com"),
    (b":path", b"/a?b=c"),
)


def test_a_request() -> None:
    """`:authority` becomes the first host."""
    line, headers, problems = read_head("client", (*GET, (b"x-note", b"one")))

    assert line == RequestLine(b"GET", b"/a?b=c", b"HTTP/2")
    assert [(h.name, h.value) for h in headers] == [
        (b"host", b"access.example.com"),
        (b"x-note", b"one"),
    ]
    assert problems == ()


def test_the_same_host_twice_is_one() -> None:
    """RFC 9113 section 8.3.1 lets a client send both."""
    _, headers, problems = read_head("client", (*GET, (b"host", b"access.example.com")))

    assert ([h.name for h in headers], problems) == ([b"host"], ())


def test_a_connect() -> None:
    """RFC 9113 section 8.5: it has neither scheme nor path."""
    fields = ((b":method", b"CONNECT"), (b":authority", b"access.example.com:443"))
    line, _, problems = read_head("client", fields)

    assert line == RequestLine(b"CONNECT", b"access.example.com:443", b"HTTP/2")
    assert problems == ()


def test_a_response() -> None:
    """Three digits."""
    line, headers, problems = read_head("server", ((b":status", b"404"), (b"server", b"s")))

    assert (line, problems) == (StatusLine(b"HTTP/2", 404, b""), ())
    assert [h.name for h in headers] == [b"server"]
    assert read_head("server", ((b":status", b"+40"),))[0] is None


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ((b"x-note", b"one\r\nRemotePort: 40000"), "control character 0x0d"),
        ((b"x-note", b"one\nRemotePort: 40000"), "control character 0x0a"),
        ((b"x-note", b"one\0"), "control character 0x00"),
        ((b"X-Note", b"one"), "no name in lower case"),
        ((b"x-note: a\r\nremoteport", b"1"), "no name in lower case"),
        ((b"", b"one"), "no name in lower case"),
        ((b"transfer-encoding", b"chunked"), "of one connection"),
        ((b"connection", b"x-forwarded-for"), "of one connection"),
        ((b"te", b"gzip"), "of one connection"),
        ((b":path", b"/other"), "repeated, or behind"),
        ((b":status", b"200"), "unknown"),
        ((b"host", b"other.example.com"), "one reader takes the first"),
    ],
)
def test_a_malformed_field(field: tuple[bytes, bytes], told: str) -> None:
    """RFC 9113 sections 8.2 and 8.3."""
    (problem,) = read_head("client", (*GET, field))[2]

    assert told in problem


@pytest.mark.parametrize(
    ("path", "told"),
    [(b"/a HTTP/1.1\r\nRemotePort: 1", "ends it there"), (b"", "no :path")],
)
def test_a_malformed_target(path: bytes, told: str) -> None:
    """It would become the request line."""
    problems = read_head("client", (*GET[:3], (b":path", path)))[2]

    assert any(told in problem for problem in problems)


def test_trailers() -> None:
    """Nothing in them begins with a colon."""
    headers, problems = read_trailers("client", ((b"a", b"b"), (b":path", b"/")))

    assert [h.name for h in headers] == [b"a", b":path"]
    assert problems == ["trailer: b':path'"]
