"""A lenient hop: what a careless balancer makes of a request's bytes (F22 F31 F82 V21).

It reads just enough to find where it thinks that the request ends, adds its own headers, and hands everything else on
as it came. Only a balancer with one of these faults uses it.
"""

from __future__ import annotations

from harness.net.address import Endpoint
from harness.net.forwarding import FORWARDED_FOR, REMOTE_PORT
from harness.world.actors.http1 import BODY_LIMIT, HEAD_LIMIT
from harness.world.host import Stream

_END = b"\r\n\r\n"
_OWN = (REMOTE_PORT.lower().encode(), FORWARDED_FOR.lower().encode())


async def read_request(stream: Stream) -> tuple[bytes, bytes]:
    """Head (with its empty line) and body, by Content-Length first.

    Raises:
        ConnectionError: the stream broke, or nothing ends within the limits.
    """
    data = b""
    while _END not in data:
        data += await _more(stream, data)
    head, _, rest = data.partition(_END)
    fields = _fields(head)
    if b"content-length" in fields:
        # RFC 9112 section 6.3 says that Transfer-Encoding counts; this one does not know.
        size = int(fields[b"content-length"])
        while len(rest) < size:
            rest += await _more(stream, rest)
        return head + _END, rest[:size]
    if fields.get(b"transfer-encoding") == b"chunked":
        while not _is_last_chunk_whole(rest):
            rest += await _more(stream, rest)
        return head + _END, rest
    return head + _END, b""


def add_headers(head: bytes, client: Endpoint) -> bytes:
    """The head with the balancer's own two lines in place of those that bear exactly their names."""
    start, *lines = head.removesuffix(_END).split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0].lower() not in _OWN]
    own = [
        b"%s: %s" % (FORWARDED_FOR.encode(), str(client.address).encode()),
        b"%s: %d" % (REMOTE_PORT.encode(), client.port),
    ]
    return b"\r\n".join((start, *kept, *own)) + _END


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _is_last_chunk_whole(body: bytes) -> bool:
    """Whether the chunk of size 0 and the trailers after it are there."""
    at = body.find(b"0\r\n") if body.startswith(b"0\r\n") else body.find(b"\r\n0\r\n")
    return at >= 0 and _END in body[at:]


async def _more(stream: Stream, so_far: bytes) -> bytes:
    if len(so_far) > HEAD_LIMIT + BODY_LIMIT:
        raise ConnectionError("a request without an end")
    data = await stream.read()
    if not data:
        raise ConnectionError("the client ended inside a request")
    return data
