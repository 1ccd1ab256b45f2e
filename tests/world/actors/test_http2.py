"""HTTP/2 over a stream: both ends, and what they refuse. Answers are read with the judge's decoder as well."""

from __future__ import annotations

import asyncio

import pytest

from harness.decode.http.http2 import Http2Decoder
from harness.trace.packet import PacketNumber
from harness.trace.tls import Seen
from harness.world.actors.http1 import HttpError, Request, Response
from harness.world.actors.http2 import (
    PREFACE,
    UNREAD,
    Http2Client,
    Http2Server,
    build_frame,
    build_message,
    build_request,
)
from tests.world.memory_stream import connect_memory

LONG_NS = 5_000_000_000
HOST = (b"Host", b"access.example.com")


async def echo(request: Request) -> Response:
    """Answer with what was understood."""
    lines = b"".join(b"%s=%s\n" % line for line in request.headers)
    body = request.method + b" " + request.target + b"\n" + lines + request.body
    return Response(status=200, headers=((b"Set-Cookie", b"a=b"),), body=body)


async def exchange(
    *requests: Request, defects: frozenset[str] = frozenset()
) -> tuple[Response, ...]:
    """What our client gets from our server."""
    near, far = connect_memory()
    client = Http2Client(near, timeout_ns=LONG_NS)
    server = Http2Server(far, timeout_ns=LONG_NS, defects=defects)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(echo))
        answers = [await client.exchange(request) for request in requests]
        await near.write_eof()
    assert client.is_reusable
    return tuple(answers)


async def hear(data: bytes) -> bytes:
    """All that our server says to these bytes."""
    near, far = connect_memory()

    async def serve() -> None:
        await Http2Server(far, timeout_ns=LONG_NS, defects=frozenset()).serve(echo)
        await far.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(serve())
        await near.write(data)
        await near.write_eof()
        said = bytearray()
        while piece := await near.read():
            said += piece
    return bytes(said)


def read(client: bytes, server: bytes) -> Http2Decoder:
    """What the judge reads of it."""
    decoder = Http2Decoder()
    decoder.feed("client", client, Seen(time_ns=1, packets=(PacketNumber(1),)))
    decoder.feed("server", server, Seen(time_ns=2, packets=(PacketNumber(2),)))
    decoder.end()
    return decoder


@pytest.mark.asyncio
async def test_requests_and_answers() -> None:
    """Several on one connection; names are in lower case, values as they were."""
    get = Request(method=b"GET", target=b"/a", headers=(HOST, (b"X-Note", b"One")))
    post = Request(method=b"POST", target=b"/b", headers=(HOST,), body=b"x" * 300)

    first, second = await exchange(get, post)
    assert first.body == b"GET /a\nHost=access.example.com\nx-note=One\n"
    assert first.headers == ((b"set-cookie", b"a=b"),)
    assert second.body.endswith(b"x" * 300)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "line",
    [(b"X-Note", b"one\r\nRemotePort: 40000"), (b"X-Note", b"a\0"), (b"x\ny", b"1")],
    ids=["CR LF", "NUL", "in a name"],
)
async def test_line_breaks_are_refused(line: tuple[bytes, bytes]) -> None:
    """RFC 9113 section 8.2.1; the connection goes on."""
    bad = Request(method=b"GET", target=b"/a", headers=(HOST, line))
    good = Request(method=b"GET", target=b"/b", headers=(HOST,))

    assert [answer.status for answer in await exchange(bad, good)] == [400, 200]


@pytest.mark.asyncio
async def test_a_careless_server_takes_them() -> None:
    """F83."""
    line = (b"X-Note", b"one\r\nRemotePort: 40000")
    bad = Request(method=b"GET", target=b"/a", headers=(HOST, line))

    (answer,) = await exchange(bad, defects=frozenset({"F83"}))
    assert b"x-note=one\r\nRemotePort: 40000\n" in answer.body


@pytest.mark.asyncio
async def test_the_judge_reads_what_both_ends_write() -> None:
    """Another decoder, which shares nothing with them."""
    request = Request(method=b"GET", target=b"/a", headers=(HOST, (b"X-Note", b"n" * 400)))
    said = PREFACE + build_frame(4, 0, 0, b"") + build_request(1, request)
    decoder = read(said, await hear(said))

    (told,) = decoder.exchanges()
    assert told.request is not None
    assert told.response is not None
    assert told.request.values("x-note") == (b"n" * 400,)
    assert (told.response.status, told.response.values("set-cookie")) == (200, (b"a=b",))
    assert decoder.malformed() == ()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 1),
        (PREFACE + build_frame(1, 5, 1, b"\x82"), 9),
        (PREFACE + build_frame(1, 5, 1, b"\0\x81\x1f\0"), 9),
        (PREFACE + build_frame(1, 5, 1, b"\0\x7f\xff"), 1),
        (PREFACE + build_frame(1, 1, 1, b"") + build_frame(0, 1, 1, b""), 1),
        (PREFACE + b"\x7f\xff\xff\0\0\0\0\0\1", 1),
    ],
    ids=["HTTP/1", "the table", "Huffman", "half a number", "half a block", "a huge frame"],
)
async def test_what_the_server_does_not_read_ends_the_connection(data: bytes, code: int) -> None:
    """GOAWAY, with COMPRESSION_ERROR or PROTOCOL_ERROR."""
    assert (await hear(data)).endswith(build_frame(7, 0, 0, bytes(4) + code.to_bytes(4)))


async def answered(data: bytes) -> Response:
    """What our client makes of these bytes."""
    near, far = connect_memory()
    await far.write(data)
    await far.write_eof()
    get = Request(method=b"GET", target=b"/", headers=(HOST,))
    return await Http2Client(near, timeout_ns=LONG_NS).exchange(get)


@pytest.mark.asyncio
async def test_the_client_reads_what_real_servers_send() -> None:
    """Names of the static table, an interim answer, Huffman where it needs nothing, padding."""
    interim = build_frame(1, 4, 1, b"\x48\x03103")
    head = build_frame(1, 4, 1, b"\x20\x48\x03401\x0f\x28\x03a=b\x61\x83\xa8\xeb\x10")
    body = build_frame(0, 9, 1, b"\x02xy\0\0")

    answer = await answered(build_frame(4, 0, 0, b"") + interim + head + body)
    assert (answer.status, answer.body) == (401, b"xy")
    assert answer.headers == ((b"set-cookie", b"a=b"), (UNREAD, UNREAD))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "data",
    [
        b"",
        build_frame(7, 0, 0, bytes(8)),
        build_frame(3, 0, 1, bytes(4)),
        build_message(1, ((b"a", b"b"),), b""),
    ],
    ids=["the end", "GOAWAY", "RST_STREAM", "no status"],
)
async def test_no_answer_is_an_error(data: bytes) -> None:
    """The device then knows that it was refused."""
    with pytest.raises(HttpError):
        await answered(data)
