"""HTTP/1.1 over a stream."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.world.actors.http1 import (
    BODY_LIMIT,
    HEAD_LIMIT,
    HttpClient,
    HttpError,
    HttpServer,
    Request,
    Response,
)
from tests.world.memory_stream import MemoryStream, connect_memory

SHORT_NS = 50_000_000
LONG_NS = 5_000_000_000


async def echo(request: Request) -> Response:
    """Answer with what was understood."""
    lines = b"".join(b"%s=%s\n" % line for line in request.headers)
    return Response(status=200, body=request.method + b" " + request.target + b"\n" + lines)


async def talk(data: bytes, *, timeout_ns: int = LONG_NS, is_ended: bool = True) -> bytes:
    """What a server answers to these bytes, all of it."""
    near, far = connect_memory()

    async def serve() -> None:
        await HttpServer(far, timeout_ns=timeout_ns).serve(echo)
        await far.close()

    async def send() -> None:
        await near.write(data)
        if is_ended:
            await near.write_eof()

    async with asyncio.TaskGroup() as group:
        group.create_task(serve())
        group.create_task(send())
        answer = bytearray()
        while piece := await near.read():
            answer += piece
        await near.close()
    return bytes(answer)


@pytest.mark.asyncio
async def test_requests_are_answered_one_by_one() -> None:
    """Keep-alive and pipelining: each request has its own answer."""
    answer = await talk(
        b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy"
    )

    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answer.index(b"GET /a\n") < answer.index(b"POST /b\n")


@pytest.mark.asyncio
async def test_header_lines_keep_case_and_order() -> None:
    """What a peer wrote is what the actor sees."""
    answer = await talk(
        b"GET / HTTP/1.1\r\nhost: h\r\nRemotePort: 1\r\nREMOTEPORT: 2\r\nRemote_Port: 3\r\n\r\n"
    )

    assert b"\nhost=h\nRemotePort=1\nREMOTEPORT=2\nRemote_Port=3\n" in answer


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nRemotePort : 40000\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c: d\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tRemotePort: 40000\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"a" * (2 * HEAD_LIMIT) + b"\r\n\r\n", 431),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)
            + b"x" * (BODY_LIMIT + 1),
            413,
        ),
    ],
)
async def test_a_broken_request_is_refused_and_the_last(data: bytes, status: int) -> None:
    """One answer, which says so, then the end; what follows is not read as another request."""
    answer = await talk(data + b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close\r\n" in answer


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "data", [b"GET / HT", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nx"]
)
async def test_half_a_request_is_none(data: bytes) -> None:
    """An end in the middle of head or body is a broken request."""
    answer = await talk(data)

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", b""), (b"GET / HTTP/1.1\r\nHo", b"HTTP/1.1 408 Request Timeout\r\n")],
    ids=["says nothing", "stops in the middle"],
)
async def test_a_slow_peer_is_not_waited_for(data: bytes, expected: bytes) -> None:
    """Idle connections end in silence, half a request gets 408."""
    answer = await talk(data, timeout_ns=SHORT_NS, is_ended=False)

    assert answer[: len(expected) or None] == expected


@pytest.mark.asyncio
async def test_a_slow_stream_of_bytes_does_not_prolong_the_wait() -> None:
    """The time-out is for the whole request, not for each byte of it (F87)."""
    near, far = connect_memory()
    server = HttpServer(far, timeout_ns=SHORT_NS)

    async def drip() -> None:
        while True:
            await near.write(b"G")
            await asyncio.sleep(0.005)

    dripping = asyncio.create_task(drip())
    with pytest.raises(HttpError) as refusal:
        await server.receive()
    dripping.cancel()

    assert refusal.value.status == 408


@pytest.mark.asyncio
async def test_a_client_that_expects_100_gets_it() -> None:
    """RFC 9110 section 10.1.1: the body comes after the interim answer."""
    answer = await talk(
        b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        timeout_ns=SHORT_NS,
        is_ended=False,
    )

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 408 ")


@pytest.mark.asyncio
async def test_head_is_answered_without_a_body() -> None:
    """The length is told, the bytes are not sent."""
    answer = await talk(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert b"Content-Length: 14\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.asyncio
async def test_bytes_behind_a_connect_belong_to_the_tunnel() -> None:
    """They are never a second request (F84), and none is lost."""
    near, far = connect_memory()
    await near.write(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    server = HttpServer(far, timeout_ns=LONG_NS)

    request = await server.receive()
    tunnel = await server.accept_tunnel()

    assert request is not None
    assert request.target == b"a:443"
    async with asyncio.timeout(5):
        pieces = [await tunnel.read(4), await tunnel.read()]
    assert pieces == [b"GET ", b"/ HTTP/1.1\r\n\r\n"]
    assert await near.read() == b"HTTP/1.1 200 Connection established\r\n\r\n"


async def ask(
    answer: bytes, request: Request, *, timeout_ns: int = LONG_NS
) -> tuple[Response, MemoryStream]:
    """Send a request to a peer that answers with these bytes and ends."""
    near, far = connect_memory()
    await far.write(answer)
    await far.write_eof()
    return await HttpClient(near, timeout_ns=timeout_ns).exchange(request), near


GET = Request(method=b"GET", target=b"/", headers=((b"Host", b"h"),))


@pytest.mark.asyncio
async def test_a_request_goes_out_as_written() -> None:
    """Hostile lines too: the client does not tidy up."""
    lines = (
        (b"host", b"h"),
        (b"RemotePort ", b"40000"),
        (b"X", b"1\r\n folded"),
        (b"Connection", b"close, RemotePort"),
    )
    request = Request(method=b"GET", target=b"/x", headers=lines)

    _, near = await ask(b"HTTP/1.1 204 No Content\r\n\r\n", request)

    assert bytes(near.sent) == (
        b"GET /x HTTP/1.1\r\nhost: h\r\nRemotePort : 40000\r\nX: 1\r\n folded\r\n"
        b"Connection: close, RemotePort\r\n\r\n"
    )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", b"hi"),
        (b"HTTP/1.1 200 OK\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
async def test_an_answer_is_read_whole(answer: bytes, body: bytes) -> None:
    """Whatever frames it."""
    response, _ = await ask(answer, GET)

    assert (response.status, response.body) == (200, body)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"\x00" * 64,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * (2 * HEAD_LIMIT),
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)
        + b"x" * (BODY_LIMIT + 1),
    ],
)
async def test_a_broken_answer_is_an_error(answer: bytes) -> None:
    """Never half an answer."""
    with pytest.raises(HttpError) as refusal:
        await ask(answer, GET)

    assert refusal.value.status == 502


@pytest.mark.asyncio
async def test_a_silent_server_is_not_waited_for() -> None:
    """The answer has its time-out."""
    near, _ = connect_memory()

    with pytest.raises(TimeoutError):
        await HttpClient(near, timeout_ns=SHORT_NS).exchange(GET)


@pytest.mark.asyncio
async def test_a_client_knows_whether_it_may_ask_again() -> None:
    """Not after `Connection: close`."""
    near, far = connect_memory()
    client = HttpClient(near, timeout_ns=LONG_NS)

    await far.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await client.exchange(GET)
    was_reusable = client.is_reusable
    await far.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await client.exchange(GET)

    assert (was_reusable, client.is_reusable) == (True, False)


@pytest.mark.asyncio
async def test_bytes_behind_a_200_belong_to_the_tunnel() -> None:
    """A server that speaks first loses nothing."""
    near, far = connect_memory()
    await far.write(b"HTTP/1.1 200 OK\r\n\r\nhello")
    client = HttpClient(near, timeout_ns=LONG_NS)

    answer = await client.exchange(Request(method=b"CONNECT", target=b"a:443"))

    assert answer.status == 200
    async with asyncio.timeout(5):
        assert await client.tunnel().read() == b"hello"


PIECES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"CONNECT a:443 HTTP/1.1\r\n",
        b"Host: h\r\n",
        b"RemotePort: 1\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\n",
        b"3\r\nabc\r\n",
        b"0\r\n",
        b"\x00",
        b"HTTP/1.1 200 OK\r\n",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=20), max_size=12).map(b"".join))
def test_no_bytes_crash_a_server(data: bytes) -> None:
    """Every input ends with answers or silence, and each answer is whole."""
    answer = asyncio.run(talk(data))

    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=20), max_size=12).map(b"".join))
def test_no_bytes_crash_a_client(data: bytes) -> None:
    """Every input is a response or an HttpError, which says 502."""
    try:
        response, _ = asyncio.run(ask(data, GET))
        status = response.status
    except HttpError as error:
        status = error.status

    assert 200 <= status <= 999
