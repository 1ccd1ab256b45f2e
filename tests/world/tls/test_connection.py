"""The connection: its memory socket, and what it changes in tlslite-ng's manners."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from tlslite.messages import CertificateRequest
from tlslite.tlsrecordlayer import TLSRecordLayer

from harness.world.tls.connection import MemorySocket
from harness.world.tls.identity import Identity
from tests.world.handshake import client_settings, der_of, device, server_settings, shake

POST_HANDSHAKE_AUTH = b"\x00\x31\x00\x00"


def test_memory_socket() -> None:
    """It gives what came, blocks while nothing has, and ends at the end."""
    memory = MemorySocket()
    with pytest.raises(BlockingIOError):
        memory.recv(10)
    memory.incoming += b"abc"
    first, second = memory.recv(2), memory.recv(2)
    memory.is_at_eof = True

    assert (first, second, memory.recv(2)) == (b"ab", b"c", b"")


def test_memory_socket_never_blocks_a_writer() -> None:
    """Everything written is kept, in order."""
    memory = MemorySocket()
    memory.sendall(b"a" * 100_000)

    assert memory.send(b"b") == 1
    assert bytes(memory.outgoing) == b"a" * 100_000 + b"b"


@pytest.mark.asyncio
@pytest.mark.parametrize("asks_back", [0, 1], ids=["one way", "both ways"])
async def test_key_update(asks_back: int) -> None:
    """New traffic keys in the middle of a session go unnoticed by those who read and write."""
    pair = await shake(client_settings(), server_settings())
    for _ in pair.client._connection.send_keyupdate_request(asks_back):
        pass
    await pair.client.write(b"after")
    received = await pair.server.read()
    await pair.server.write(b"answer")

    assert (received, await pair.client.read()) == (b"after", b"answer")
    await pair.close()


@pytest.mark.asyncio
async def test_no_later_certificate_is_invited() -> None:
    """A client with a certificate does not offer post-handshake authentication, which it would not answer."""
    pair = await shake(client_settings(), server_settings())
    await pair.close()

    assert POST_HANDSHAKE_AUTH not in bytes(pair.near.sent[:300])


@pytest.mark.asyncio
async def test_certificate_request_names_no_compression(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's CertificateRequest has no empty compress_certificate, which RFC 8879 forbids."""
    queued: list[Any] = []
    queue = TLSRecordLayer._queue_message

    def note(self: Any, message: Any) -> None:
        queued.append(message)
        queue(self, message)

    monkeypatch.setattr(TLSRecordLayer, "_queue_message", note)
    pair = await shake(client_settings(), server_settings())
    await pair.close()
    (request,) = (each for each in queued if isinstance(each, CertificateRequest))

    assert [each.extType for each in request.extensions] == [13]


@pytest.mark.asyncio
async def test_verifier_sees_the_chain() -> None:
    """The verifier gets the chain as sent, once, leaf first, and only if there is one."""
    seen: list[Any] = []
    pair = await shake(client_settings(verify=None), server_settings(verify=seen.append))
    await pair.close()
    without = await shake(
        client_settings(identity=None),
        server_settings(client_certificate="optional", verify=seen.append),
    )
    await without.close()

    assert seen == [pair.server.peer_chain]


def _names(identity: Identity) -> tuple[bytes, ...]:
    return tuple(
        x509.load_der_x509_certificate(der).issuer.public_bytes() for der in der_of(identity)
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_client_shows_what_is_asked_for(version: Any) -> None:
    """RFC 8446 section 4.2.4: a server may name the authorities whose certificates it wants."""
    asked = server_settings(version=version, authorities=(b"0\0", *_names(device())))
    pair = await shake(client_settings(identity=device()), asked)
    await pair.close()

    assert pair.server.peer_chain == der_of(device())


@pytest.mark.asyncio
@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_client_shows_nothing_that_is_not_asked_for(version: Any) -> None:
    """F81: it has none of theirs; who takes clients without one goes on."""
    asked = server_settings(version=version, authorities=(b"0\0",), client_certificate="optional")
    pair = await shake(client_settings(identity=device()), asked)
    await pair.client.write(b"still here")
    received = await pair.server.read()
    await pair.close()

    assert (pair.server.peer_chain, received) == ((), b"still here")


@pytest.mark.asyncio
@pytest.mark.parametrize("is_lax", [True, False])
async def test_tls_1_1_is_for_those_who_are_lax(*, is_lax: bool) -> None:
    """F80: everybody else refuses it with protocol_version."""
    server = server_settings(is_lax=is_lax, client_certificate="none")
    pair = await shake(client_settings(version="1.1"), server)
    if is_lax:
        await pair.client.write(b"old")
        assert await pair.server.read() == b"old"
        await pair.close()
    else:
        assert "protocol_version" in str(pair.client)
