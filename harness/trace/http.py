"""HTTP messages and exchanges as seen on the wire (RFC 9112, RFC 9113)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.trace.packet import PacketNumber
from harness.trace.revocation import StatusAnswer, StatusQuery
from harness.trace.tls import Side

HTTP_2 = b"HTTP/2"
"""The version of its messages."""
_ABSOLUTE = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One field line, as sent: the case of the name and the bytes of the value are kept."""

    name: bytes
    value: bytes
    """Without the optional white space around it; everything else as it was on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What requests and responses share."""

    version: bytes
    headers: tuple[Header, ...]
    trailers: tuple[Header, ...] = ()
    body: bytes = b""
    """At most the first 64 KiB, transfer coding removed."""
    body_size: int = 0
    body_sha256: str = ""
    complete: bool = True
    """False: cut by a gap, a close, or the end of the capture."""
    first_ns: int
    """Time of the packet with its first byte."""
    last_ns: int
    packets: tuple[PacketNumber, ...]

    def values(self, name: str) -> tuple[bytes, ...]:
        """All values of one field name (any case), in wire order."""
        wanted = name.lower().encode()
        size = len(wanted)
        return tuple(
            [h.value for h in self.headers if len(h.name) == size and h.name.lower() == wanted]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Message):
    """A request."""

    method: bytes
    target: bytes
    status_query: StatusQuery | None = None
    """What the body asks about a certificate (OCSP)."""

    @property
    def path(self) -> bytes:
        """The target without scheme and host: proxies write it either way (RFC 9112 sections 3.2.1 and 3.2.2)."""
        named = _ABSOLUTE.match(self.target) if self.target[:1] != b"/" else None
        if named is None:
            return self.target
        rest = self.target[named.end() :]
        return rest if rest[:1] == b"/" else b"/" + rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Message):
    """A final response (1xx are not kept)."""

    status: int
    reason: bytes = b""
    status_answer: StatusAnswer | None = None
    """What the body tells about certificates (OCSP, CRL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its response; either may be missing, not both."""

    request: Request | None
    response: Response | None
    is_reset: bool = False
    """The server refused it without an answer (RST_STREAM or GOAWAY of HTTP/2, RFC 9113 sections 5.4.2 and 6.8)."""

    @property
    def packets(self) -> tuple[PacketNumber, ...]:
        """All packets of both, ascending."""
        numbers: set[PacketNumber] = set()
        for message in (self.request, self.response):
            if message is not None:
                numbers.update(message.packets)
        return tuple(sorted(numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """Bytes that are not what they should be, and what two readers could see in them."""

    sender: Side
    layer: str
    """`tcp`, `tls` or `http`."""
    message: str
    packets: tuple[PacketNumber, ...]
    exchange: int | None = None
    """0-based, among the exchanges beside it: whose request or response these bytes are; None: of none."""
