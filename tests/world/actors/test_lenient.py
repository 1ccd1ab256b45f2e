"""The lenient hop: it ends a request where it should not, and hands on what it should drop."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.net.address import Endpoint
from harness.world.actors.lenient import add_headers, read_request
from tests.world.memory_stream import connect_memory

CLIENT = Endpoint(ip_address("203.0.113.9"), 40123)
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
OWN = b"X-Forwarded-For: 203.0.113.9\r\nRemotePort: 40123\r\n\r\n"

REQUESTS = {
    "no body": (HEAD + b"\r\n", b"GET", b""),
    "length counts": (
        HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0\r\nX\r\n\r\nGET",
        b"0\r\nX",
    ),
    "trailer kept": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n0\r\nRemotePort: 1\r\n\r\n",
        b"1\r\na\r\n0\r\nRemotePort: 1\r\n\r\n",
    ),
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("head", "rest", "body"), REQUESTS.values(), ids=REQUESTS)
async def test_reads_as_far_as_it_understands(head: bytes, rest: bytes, body: bytes) -> None:
    """Content-Length first, then chunks with their trailers; several writes make no difference."""
    client, server = connect_memory()
    for byte in head + rest:
        await client.write(bytes((byte,)))

    assert await read_request(server) == (head, body)


@pytest.mark.asyncio
async def test_a_request_without_an_end_is_given_up() -> None:
    """A client that ends too early is no request."""
    client, server = connect_memory()
    await client.write(HEAD)
    await client.write_eof()

    with pytest.raises(ConnectionError, match="inside a request"):
        await read_request(server)


LINES = {
    "replaced": (b"remoteport: 1\r\nX-Forwarded-For: 10.0.0.1\r\n", b""),
    "blank before the colon": (b"RemotePort : 1\r\n", b"RemotePort : 1\r\n"),
    "another name": (b"Remote_Port: 1\r\n", b"Remote_Port: 1\r\n"),
}


@pytest.mark.parametrize(("lines", "kept"), LINES.values(), ids=LINES)
def test_replaces_only_the_very_names(lines: bytes, kept: bytes) -> None:
    """What is written a little differently goes through (F22)."""
    assert add_headers(HEAD + lines + b"\r\n", CLIENT) == HEAD + kept + OWN
