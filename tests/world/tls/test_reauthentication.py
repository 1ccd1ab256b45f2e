"""Reauthentication: a second certificate is taken by a server that has the defect, and by no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.world.tls.alert import TlsError
from harness.world.tls.endpoint import (
    ClientSettings,
    ServerSettings,
    TlsStream,
    open_client,
    open_server,
)
from tests.world.handshake import (
    TIMEOUT_NS,
    KeyStore,
    client_settings,
    der_of,
    device,
    echo,
    server_settings,
    site_pki,
)
from tests.world.memory_stream import MemoryStream, connect_memory

pytestmark = pytest.mark.asyncio
WAYS = pytest.mark.parametrize(
    ("version", "android"), [("1.2", None), ("1.2", 9), ("1.3", None), ("1.3", 13)]
)
BOB = "bob@example.com"


async def serve(stream: MemoryStream, settings: ServerSettings) -> TlsStream:
    """Shake hands and echo."""
    server = await open_server(stream, settings, keys=KeyStore(), timeout_ns=TIMEOUT_NS)
    await echo(server)
    return server


async def talk(client: ClientSettings, server: ServerSettings) -> tuple[bytes, TlsStream]:
    """What the client's hello came back as, and the server's end."""
    near, far = connect_memory()
    serving = asyncio.create_task(serve(far, server))
    try:
        stream = await open_client(near, client, keys=KeyStore(), timeout_ns=TIMEOUT_NS)
        await stream.write(b"hello")
        answer = await stream.read()
        await stream.close()
    finally:
        await asyncio.wait((serving,))
        is_refused = serving.exception() is not None
    assert not is_refused
    return answer, serving.result()


@WAYS
async def test_second_certificate(version: Any, android: int | None) -> None:
    """The server with the defect knows the second certificate, and data goes both ways after it."""
    second = site_pki().device_identity(BOB)
    answer, server = await talk(
        client_settings(version=version, android=android, later_identity=second),
        server_settings(asks_again=("1.2", "1.3")),
    )

    assert (answer, server.version) == (b"hello", version)
    assert server.peer_chain == der_of(second)


@WAYS
async def test_no_second_certificate(version: Any, android: int | None) -> None:
    """The same server leaves a client alone that has one certificate only."""
    answer, server = await talk(
        client_settings(version=version, android=android),
        server_settings(asks_again=("1.2", "1.3")),
    )

    assert (answer, server.peer_chain) == (b"hello", der_of(device()))


@WAYS
async def test_second_certificate_judged(version: Any, android: int | None) -> None:
    """The second certificate must hold as well."""
    second = site_pki().device_identity(BOB, ca="other")
    client = client_settings(version=version, android=android, later_identity=second)

    with pytest.raises(TlsError, match="unknown_ca"):
        await talk(client, server_settings(asks_again=("1.2", "1.3")))


@pytest.mark.parametrize("android", [None, 9])
async def test_renegotiation_refused(android: int | None) -> None:
    """A server without the defect refuses to renegotiate, with alert 100 (no_renegotiation)."""
    second = site_pki().device_identity(BOB)
    client = client_settings(version="1.2", android=android, later_identity=second)

    with pytest.raises(TlsError, match="no_renegotiation"):
        await talk(client, server_settings())


async def test_not_asked_again() -> None:
    """In TLS 1.3 a client is not asked again by a server without the defect."""
    second = site_pki().device_identity(BOB)
    answer, server = await talk(client_settings(later_identity=second), server_settings())

    assert (answer, server.peer_chain) == (b"hello", der_of(device()))
