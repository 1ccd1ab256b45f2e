"""HTTP head: start line, field lines, and what they say about the length of the body (RFC 9112 sections 2 to 6).

Bytes are kept as they were sent. Where two readers could understand them differently, a problem says what each sees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from harness.decode.http.ordinary import HOST, MAX_DIGITS
from harness.trace.http import Header

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_REQUEST = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\s]+) (HTTP/[0-9]\.[0-9])")
_LOOSE_REQUEST = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s+(.*?)\s+(HTTP/\S*)\s*", re.DOTALL)
_SIMPLE_REQUEST = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s+(\S.*)", re.DOTALL)
_RESPONSE = re.compile(rb"(HTTP/[0-9]\.[0-9]) ([0-9]{3})(?: (.*))?", re.DOTALL)
_LOOSE_RESPONSE = re.compile(rb"(HTTP/\S*)\s+([0-9]{3})(?:\s(.*))?", re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_TARGET = re.compile(rb"/|\*\Z|[A-Za-z][A-Za-z0-9+.\-]*://")  # RFC 9112 section 3.2
_ABSOLUTE = re.compile(rb"(https?)://([^/?#]*)", re.IGNORECASE)
_LENGTH = re.compile(rb"[0-9]{1,%d}" % MAX_DIGITS)
_SPACE = b" \t"
_MAX_KNOWN_SIZE = 200
"""Bytes of a field line that is remembered."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """Method, target and version; the version is empty where there is none."""

    method: bytes
    target: bytes
    version: bytes


@dataclass(frozen=True, slots=True)
class StatusLine:
    """Version, code and reason."""

    version: bytes
    status: int
    reason: bytes


@dataclass(frozen=True, slots=True)
class Framing:
    """How the body ends."""

    kind: Literal["none", "length", "chunked", "close", "unknown"]
    """`unknown`: readers differ so much that nothing after the head can be told."""
    size: int = 0
    """For `length`."""


def decode_request_line(line: bytes) -> tuple[RequestLine | None, tuple[str, ...]]:
    """None: this is no request; the problems say what is odd about it."""
    match = _REQUEST.fullmatch(line)
    if match is not None:
        version = match[3]
        problems: tuple[str, ...] = ()
        if version not in (b"HTTP/1.1", b"HTTP/1.0"):
            problems = (f"version {_show(version)}",)
        if _CONTROL.search(line):
            problems = (*problems, f"control character in the request line {_show(line)}")
        if match[1] != b"CONNECT" and not _TARGET.match(match[2]):
            problem = f"target {_show(match[2])} is no path: one reader takes it, another refuses"
            problems = (*problems, problem)
        return RequestLine(match[1], match[2], version), problems
    match = _LOOSE_REQUEST.fullmatch(line)
    if match is not None:
        problem = f"request line {_show(line)}: one reader takes the target {_show(match[2])}, another refuses"
        return RequestLine(match[1], match[2], match[3]), (problem,)
    match = _SIMPLE_REQUEST.fullmatch(line)
    if match is not None:
        problem = (
            f"request line {_show(line)} has no version: one reader sees HTTP/0.9, another refuses"
        )
        return RequestLine(match[1], match[2].rstrip(), b""), (problem,)
    return None, ()


def decode_status_line(line: bytes) -> tuple[StatusLine | None, tuple[str, ...]]:
    """None: this is no response."""
    match = _RESPONSE.fullmatch(line)
    if match is not None:
        odd = (
            (f"control character in the status line {_show(line)}",)
            if _CONTROL.search(line)
            else ()
        )
        if match[1] not in (b"HTTP/1.1", b"HTTP/1.0"):
            odd = (*odd, f"version {_show(match[1])}")
        return StatusLine(match[1], int(match[2]), match[3] or b""), odd
    match = _LOOSE_RESPONSE.fullmatch(line)
    if match is not None:
        return StatusLine(match[1], int(match[2]), match[3] or b""), (f"status line {_show(line)}",)
    return None, ()


def split_lines(block: bytes) -> tuple[list[bytes], tuple[str, ...]]:
    """The lines of a head without their ends; a bare LF ends a line too, and is a problem."""
    lines: list[bytes] = []
    bare = 0
    for line in block.split(b"\n"):
        if line.endswith(b"\r"):
            lines.append(line[:-1])
        else:
            lines.append(line)
            bare += 1
    if lines and not lines[-1]:
        # Behind the last LF nothing follows, so nothing is bare there.
        lines.pop()
        bare -= 1
    if bare <= 0:
        return lines, ()
    return lines, (
        f"{bare} lines end with a bare LF: one reader takes it for the end of a line, another does not",
    )


@lru_cache(maxsize=4096)  # a few hundred bytes each; most field lines come again and again
def _find_ordinary(line: bytes) -> Header | None:
    """The field of a line in which nothing is odd."""
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(value):
        return None
    return Header(name=name, value=value.strip(_SPACE))


def decode_headers(lines: list[bytes]) -> tuple[tuple[Header, ...], tuple[str, ...]]:
    """Field lines in order; a folded line stays in the value of the line before, line break included."""
    headers: list[Header] = []
    problems: list[str] = []
    for line in lines:
        ordinary = _find_ordinary(line) if len(line) < _MAX_KNOWN_SIZE else None
        if ordinary is not None:
            headers.append(ordinary)
            continue
        if line[:1] in (b" ", b"\t"):
            if headers:
                last = headers[-1]
                folded = last.value + b"\r\n" + line.rstrip(_SPACE)
                headers[-1] = Header(name=last.name, value=folded)
                problems.append(
                    f"header {_show(last.name)} is folded: one reader joins the lines, another sees two"
                )
            else:
                problems.append(f"white space before the first header: {_show(line)}")
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            problems.append(f"header line without a colon: {_show(line)}")
        elif not _TOKEN.fullmatch(name):
            what = (
                "white space before the colon"
                if _TOKEN.fullmatch(name.rstrip())
                else "no token for a name"
            )
            problems.append(f"header {_show(line)}: {what}; one reader uses it, another does not")
        control = _CONTROL.search(value)
        if control is not None:
            problems.append(
                f"header {_show(name)} has the control character 0x{control[0][0]:02x}: readers cut, replace or refuse"
            )
        headers.append(Header(name=name, value=value.strip(_SPACE)))
    return tuple(headers), tuple(problems)


def find_request_framing(
    version: bytes, headers: tuple[Header, ...]
) -> tuple[Framing, tuple[str, ...]]:
    """RFC 9112 section 6.3, items 3 to 7, for a request."""
    if not version:
        return Framing("none"), ()
    framing, problems = _find_framing(version, headers)
    if framing is None:
        return Framing("none"), problems
    if framing.kind == "close":
        problem = (
            "Transfer-Encoding of a request does not end with chunked: its length cannot be told"
        )
        return Framing("unknown"), (*problems, problem)
    return framing, problems


def find_response_framing(
    version: bytes, status: int, method: bytes | None, headers: tuple[Header, ...]
) -> tuple[Framing, tuple[str, ...]]:
    """RFC 9112 section 6.3 for a response; `method` is that of its request, None where that was not seen."""
    if method == b"HEAD" or status < 200 or status in (204, 304):
        return Framing("none"), ()
    if method == b"CONNECT" and status < 300:
        return Framing("none"), ()
    framing, problems = _find_framing(version, headers)
    return framing or Framing("close"), problems


def find_host_problems(line: RequestLine, headers: tuple[Header, ...]) -> tuple[str, ...]:
    """RFC 9112 section 3.2: one Host, and the same as in a target that names one."""
    hosts = [h.value for h in headers if h.name.lower() == b"host"]
    if len(set(map(bytes.lower, hosts))) > 1:
        return (f"Host {_show_all(hosts)}: one reader takes the first, another the last",)
    if len(hosts) > 1:
        return (f"Host {_show_all(hosts)} is repeated: one reader takes it, another refuses",)
    if hosts and not HOST.fullmatch(hosts[0]):
        return (f"Host {_show(hosts[0])} is no host name: readers cut it in different places",)
    named = _ABSOLUTE.match(line.target)
    if named is None or not hosts:
        return ()
    port = {b"http": b":80", b"https": b":443"}[named[1].lower()]
    one, other = (name.lower().removesuffix(port) for name in (named[2], hosts[0]))
    if one == other:
        return ()
    return (f"target {_show(line.target)} and Host {_show(hosts[0])}: readers see different hosts",)


def is_last(version: bytes, headers: tuple[Header, ...]) -> bool:
    """Whether the sender ends its connection with this message (RFC 9112 section 9.3)."""
    options = {
        option.strip(_SPACE).lower()
        for header in headers
        if header.name.lower() == b"connection"
        for option in header.value.split(b",")
    }
    return b"close" in options or (version == b"HTTP/1.0" and b"keep-alive" not in options)


def _find_framing(
    version: bytes, headers: tuple[Header, ...]
) -> tuple[Framing | None, tuple[str, ...]]:
    lengths = [h.value for h in headers if h.name.lower() == b"content-length"]
    codings = [h.value for h in headers if h.name.lower() == b"transfer-encoding"]
    for header in headers:
        name = header.name
        if (
            name.strip().lower() in (b"content-length", b"transfer-encoding")
            and name != name.strip()
        ):
            return Framing("unknown"), (
                f"header {_show(name)} decides the length for one reader, not for another",
            )
    if codings:
        return _find_coded(version, codings, lengths)
    if not lengths:
        return None, ()
    parts = [part.strip(_SPACE) for value in lengths for part in value.split(b",")]
    if not all(_LENGTH.fullmatch(part) for part in parts):
        return Framing("unknown"), (f"Content-Length {_show_all(lengths)} is no number",)
    if len({int(part) for part in parts}) > 1:
        problem = (
            f"Content-Length {_show_all(lengths)}: one reader takes the first, another the last"
        )
        return Framing("unknown"), (problem,)
    problems: tuple[str, ...] = ()
    if len(parts) > 1:
        problems = (
            f"Content-Length {_show_all(lengths)} is repeated: one reader takes it, another refuses",
        )
    return Framing("length", int(parts[0])), problems


def _find_coded(
    version: bytes, codings: list[bytes], lengths: list[bytes]
) -> tuple[Framing, tuple[str, ...]]:
    problems: list[str] = []
    names = [part.strip(_SPACE).lower() for value in codings for part in value.split(b",")]
    if lengths:
        problems.append(
            f"Content-Length {_show_all(lengths)} and Transfer-Encoding {_show_all(codings)}:"
            " one reader counts bytes, another reads chunks; the chunks are read"
        )
    if version == b"HTTP/1.0":
        problems.append(
            "Transfer-Encoding in HTTP/1.0: one reader uses it, another does not know it"
        )
    if (
        names.count(b"chunked") == 1
        and names[-1] == b"chunked"
        and all(map(_TOKEN.fullmatch, names))
    ):
        return Framing("chunked"), tuple(problems)
    problems.append(
        f"Transfer-Encoding {_show_all(codings)}: one reader sees chunks, another does not"
    )
    return Framing("close"), tuple(problems)


def _show(value: bytes) -> str:
    """The bytes as Python writes them, cut to what fits a report."""
    return repr(value[:80]) + ("..." if len(value) > 80 else "")


def _show_all(values: list[bytes]) -> str:
    return ", ".join(_show(value) for value in values)
