"""Fields: the header fields of an HTTP/2 message as a start line and headers, and what makes them malformed.

`:authority` stands as the first `host`, which is what it becomes in HTTP/1.1 (RFC 9113 section 8.3.1).
"""

from __future__ import annotations

import re

from harness.decode.http.head import RequestLine, StatusLine, find_host_problems
from harness.decode.http.hpack import Field
from harness.trace.http import HTTP_2, Header
from harness.trace.tls import Side

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_BREAK = re.compile(rb"[\x00\r\n]")
_NO_TARGET = re.compile(rb"[\x00-\x20\x7f]")
_PSEUDO: dict[Side, frozenset[bytes]] = {
    "client": frozenset((b":method", b":scheme", b":authority", b":path", b":protocol")),
    "server": frozenset((b":status",)),
}
_OF_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)

Head = tuple[RequestLine | StatusLine | None, tuple[Header, ...], tuple[str, ...]]
"""Start line (None: there is none), headers, and what is wrong."""


def read_head(side: Side, fields: tuple[Field, ...]) -> Head:
    """The first block of a message."""
    problems = list(_find_problems(side, fields))
    pseudo = {name: value for name, value in reversed(fields) if name[:1] == b":"}
    headers = tuple(Header(name=name, value=value) for name, value in fields if name[:1] != b":")
    if side == "server":
        status = pseudo.get(b":status", b"")
        if not re.fullmatch(rb"[0-9]{3}", status):
            return None, headers, (*problems, f"no :status, but {_show(status)}")
        return StatusLine(HTTP_2, int(status), b""), headers, tuple(problems)
    authority = pseudo.get(b":authority")
    hosts = [h.value for h in headers if h.name == b"host"]
    if authority is not None and hosts != [authority]:
        headers = (Header(name=b"host", value=authority), *headers)
    method = pseudo.get(b":method", b"")
    is_connect = method == b"CONNECT" and b":protocol" not in pseudo
    target = (authority if is_connect else pseudo.get(b":path")) or b""
    if not method or not target:
        problems.append("no :method, or no :path" if not is_connect else "CONNECT to nowhere")
    if _NO_TARGET.search(target):
        problems.append(
            f"target {_show(target)} has a blank or a control character: who writes it into HTTP/1.1 ends it there"
        )
    line = RequestLine(method, target, HTTP_2)
    problems += find_host_problems(line, headers)
    return line, headers, tuple(problems)


def read_trailers(side: Side, fields: tuple[Field, ...]) -> tuple[tuple[Header, ...], list[str]]:
    """A later block: trailers, in which nothing may begin with a colon."""
    regular = tuple(one for one in fields if one[0][:1] != b":")
    problems = [f"trailer: {problem}" for problem in _find_problems(side, regular)]
    problems += [f"trailer: {_show(name)}" for name, _ in fields if name[:1] == b":"]
    return tuple(Header(name=name, value=value) for name, value in fields), problems


def _find_problems(side: Side, fields: tuple[Field, ...]) -> list[str]:
    """RFC 9113 sections 8.2.1 (characters), 8.2.2 (fields of a connection) and 8.3 (pseudo-headers)."""
    problems: list[str] = []
    seen: set[bytes] = set()
    has_regular = False
    for name, value in fields:
        if name[:1] == b":":
            if name not in _PSEUDO[side] or name in seen or has_regular:
                problems.append(f"{_show(name)}: unknown, repeated, or behind other fields")
            seen.add(name)
        else:
            has_regular = True
            if not _NAME.fullmatch(name):
                problems.append(f"header {_show(name)}: no name in lower case")
        broken = _BREAK.search(value)
        if broken is not None and name != b":path":
            problems.append(
                f"header {_show(name)} has the control character 0x{broken[0][0]:02x}: "
                "who writes it into HTTP/1.1 ends the line there"
            )
        if name in _OF_CONNECTION or (name == b"te" and value.lower() != b"trailers"):
            problems.append(f"header {_show(name)}: of one connection, which HTTP/2 does not have")
    return problems


def _show(value: bytes) -> str:
    return repr(value[:80]) + ("..." if len(value) > 80 else "")
