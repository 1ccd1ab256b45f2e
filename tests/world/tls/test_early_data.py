"""Early data: a server with the defect acts on it, also the second time; any other one passes over it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.world.tls.endpoint import ServerSettings, TlsStream, open_client, open_server
from harness.world.tls.resumption import SavedSession
from tests.world.handshake import (
    TIMEOUT_NS,
    KeyStore,
    client_settings,
    der_of,
    device,
    server_settings,
)
from tests.world.memory_stream import MemoryStream, connect_memory
from tests.world.tls.test_resumption import make_store, visit

pytestmark = pytest.mark.asyncio
EARLY = b"CONNECT access.example.com:443 HTTP/1.1"
ANDROID = pytest.mark.parametrize("android", [None, 13])


async def serve(stream: MemoryStream, settings: ServerSettings) -> tuple[TlsStream, bytes]:
    """Read one request, answer it, and read to the end."""
    server = await open_server(stream, settings, keys=KeyStore(), timeout_ns=TIMEOUT_NS)
    request = await server.read()
    await server.write(b"200")
    while piece := await server.read():
        request += b" " + piece
    await server.close()
    return server, request


async def ask(
    settings: ServerSettings, saved: SavedSession | None, android: int | None
) -> tuple[TlsStream, TlsStream, bytes]:
    """A client that sends its request early if it can: both ends, and what the server read."""
    near, far = connect_memory()
    serving = asyncio.create_task(serve(far, settings))
    chosen = client_settings(session=saved, early_data=EARLY, android=android)
    client = await open_client(near, chosen, keys=KeyStore(), timeout_ns=TIMEOUT_NS)
    await client.write(EARLY)
    assert await client.read() == b"200"
    await client.write(b"more")
    await client.close()
    server, request = await serving
    return client, server, request


@ANDROID
@pytest.mark.parametrize("takes", [True, False])
async def test_the_request_arrives_once(takes: bool, android: int | None) -> None:
    """Early, or after the handshake; both ends agree on everything that follows."""
    store = make_store()
    settings = server_settings(store=store, takes_early_data=takes)
    _, saved = await visit(store, version="1.3", android=android)
    client, server, request = await ask(settings, saved, android)

    assert request == EARLY + b" more"
    assert (client.resumed, server.resumed) == (True, True)
    assert server.peer_chain == der_of(device())
    assert EARLY not in client.first_flight != b""


async def test_nothing_is_early_without_a_session() -> None:
    """A first connection has no secret for it."""
    settings = server_settings(store=make_store(), takes_early_data=True)
    client, server, request = await ask(settings, None, 13)

    assert (client.first_flight, server.resumed, request) == (b"", False, EARLY + b" more")


async def replay(settings: ServerSettings, flight: bytes) -> Any:
    """What comes of the same bytes on another connection: the request that the server reads, or its failure."""
    near, far = connect_memory()
    opening = asyncio.create_task(
        open_server(far, settings, keys=KeyStore(), timeout_ns=TIMEOUT_NS)
    )
    await near.write(flight)
    await near.write_eof()
    try:
        server = await opening
        return await server.read()
    except ConnectionError as error:
        return error


@pytest.mark.parametrize("takes", [True, False])
async def test_the_same_bytes_again(takes: bool) -> None:
    """The server with the defect reads the request a second time, from somebody who knows no secret."""
    store = make_store()
    settings = server_settings(store=store, takes_early_data=takes)
    _, saved = await visit(store, version="1.3", android=13)
    client, *_ = await ask(settings, saved, 13)
    got = await replay(settings, client.first_flight)

    assert (got == EARLY) is takes
    assert isinstance(got, ConnectionError) is not takes
