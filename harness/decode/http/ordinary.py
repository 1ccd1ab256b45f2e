"""OrdinaryHead: the head of an HTTP/1.1 message in which nothing is odd, found at one look.

This is all that quick readers know of RFC 9112 sections 2 to 6. Whatever two readers could take in different ways is
not ordinary: only head.py, whose findings these are a part of, can say what it is. It knows this module, not the other
way round: who reads quickly need not load it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MAX_HEAD_SIZE = 256 << 10
"""Bytes of a head or a chunk line; far above what any server takes."""
MAX_DIGITS = 18
"""Of a length: more than any file has."""
HOST = re.compile(
    rb"(?:\[[0-9A-Fa-fv:.%]+\]|[A-Za-z0-9._~!$&'()*+;=%-]*)(?::[0-9]*)?"
)  # RFC 3986 section 3.2.2, without the comma that joins two fields
_FIELDS = rb"\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*\r\n"
# What follows CONNECT or PROXY may be no HTTP, or not be meant for who reads it.
_REQUEST = re.compile(
    rb"(?!CONNECT |PROXY )([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (/[^\x00-\x20\x7f]*) HTTP/1\.1" + _FIELDS
)
# An interim response (RFC 9110 section 15.2) is not the answer.
_RESPONSE = re.compile(rb"HTTP/1\.1 ([2-9][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?" + _FIELDS)
# The case of each letter by itself: ignoring it makes the search three times as long.
_DECISIVE = re.compile(
    b"\n("
    + b"|".join(
        b"".join(b"[%c%c]" % (letter - 32, letter) if letter > 96 else b"-" for letter in name)
        for name in (b"content-length", b"transfer-encoding", b"connection", b"host")
    )
    + rb"):[ \t]*([^\r]*)\r"
)
_H, _C, _LENGTH_SIZE = ord("h"), ord("c"), len(b"content-length")
_CONNECTION = {b"close": True, b"keep-alive": False}
_BODILESS = (b"204", b"304")
_MAX_KNOWN_SIZE = 200
"""Bytes of a host that is remembered."""


class OrdinaryHead(NamedTuple):
    """What such a head says about its message. There are very many of them."""

    start: tuple[bytes, ...]
    """Method and target, or the status."""
    size: int
    """Bytes of the head."""
    body_size: int
    """Bytes that follow it."""
    is_last: bool
    """The sender closes the connection after it."""


def find_ordinary_head(data: bytes, method: bytes | None) -> OrdinaryHead | None:
    """The head with which the data begins; None: only a closer look can tell.

    Args:
        data: begins with a message.
        method: that of the request which it answers; None: it is a request.
    """
    match = (_REQUEST if method is None else _RESPONSE).match(data, 0, MAX_HEAD_SIZE)
    if match is None:
        return None
    length: int | None = None
    is_last = has_host = False
    for name, value in _DECISIVE.findall(data, match.end(match.lastindex or 0), match.end()):
        kind, value = name[0] | 32, value.rstrip(b" \t")
        if kind == _H and not has_host and len(value) < _MAX_KNOWN_SIZE and _is_host(value):
            has_host = True
        elif (
            kind == _C
            and len(name) == _LENGTH_SIZE
            and length is None
            and len(value) <= MAX_DIGITS
            and value.isdigit()
        ):
            length = int(value)
        elif kind == _C and len(name) != _LENGTH_SIZE and value.lower() in _CONNECTION:
            is_last |= _CONNECTION[value.lower()]
        else:
            return None
    start = match.groups()
    # RFC 9112 section 6.3, as far as no coding is involved.
    if method is None:
        length = length or 0
    elif method == b"HEAD" or start[0] in _BODILESS:
        length = 0
    elif length is None:
        # Its body ends with the connection.
        return None
    return OrdinaryHead(start, match.end(), length, is_last)


@lru_cache(maxsize=1024)  # hosts come again and again
def _is_host(value: bytes) -> bool:
    return HOST.fullmatch(value) is not None
