"""The endpoint: handshakes, refusals with their alerts, data both ways, every way to end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.world.tls.alert import TlsError
from harness.world.tls.endpoint import TlsStream, open_client, open_server
from tests.world.handshake import (
    FQDN,
    NOW_NS,
    TIMEOUT_NS,
    KeyStore,
    client_settings,
    der_of,
    device,
    echo,
    failure_of,
    node,
    read_all,
    server_settings,
    shake,
    site_pki,
)
from tests.world.memory_stream import connect_memory
from tests.world.openssl_peer import OpensslPeer, make_context

pytestmark = pytest.mark.asyncio
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
NOW = datetime.fromtimestamp(NOW_NS // 1_000_000_000, UTC)
DATA = bytes(range(256)) * 800
"""200 kB."""


@VERSIONS
async def test_mutual(version: Any) -> None:
    """Both ends agree on the version and see each other's chain."""
    pair = await shake(client_settings(version=version), server_settings())
    await pair.close()

    assert (pair.client.version, pair.server.version) == (version, version)
    assert (pair.client.peer_chain, pair.server.peer_chain) == (der_of(node()), der_of(device()))
    assert pair.client.client_random == pair.server.client_random != b""
    assert (pair.client.resumed, pair.server.resumed) == (False, False)
    assert (pair.client.local, pair.client.peer) == (pair.server.peer, pair.server.local)


@VERSIONS
async def test_old_server(version: Any) -> None:
    """A client that offers the newest meets the server where it stands."""
    pair = await shake(client_settings(), server_settings(version=version))
    await pair.close()

    assert pair.client.version == version


@VERSIONS
@pytest.mark.parametrize("demand", ["none", "optional"])
async def test_no_certificate_needed(version: Any, demand: Any) -> None:
    """A client without a certificate is served where none is required."""
    server = server_settings(client_certificate=demand)
    pair = await shake(client_settings(version=version, identity=None), server)
    await pair.close()

    assert pair.server.peer_chain == ()


@pytest.mark.parametrize(("version", "alert"), [("1.2", 40), ("1.3", 116)])
async def test_empty_certificate_refused(version: Any, alert: int) -> None:
    """A required certificate that is missing is refused with its alert, which reaches the client; nobody resets."""
    pair = await shake(client_settings(version=version, identity=None), server_settings())
    seen = await failure_of(pair.client)

    assert isinstance(pair.server, TlsError)
    assert (pair.server.alert, pair.server.received) == (alert, False)
    assert isinstance(seen, TlsError)
    assert (seen.alert, seen.received) == (alert, True)
    assert str(alert) in str(seen)
    assert not pair.near.is_aborted
    assert not pair.far.is_aborted


@VERSIONS
@pytest.mark.parametrize(
    ("changes", "alert"),
    [
        pytest.param({"ca": "other"}, 48, id="unknown authority of the same name"),
        pytest.param({"not_after": NOW - timedelta(minutes=1)}, 45, id="expired"),
        pytest.param({"not_before": NOW + timedelta(hours=1)}, 45, id="not yet valid"),
    ],
)
async def test_bad_device_refused(version: Any, changes: dict[str, Any], alert: int) -> None:
    """A device's chain that does not hold is refused with the alert of its fault."""
    identity = site_pki().device_identity("alice@example.com", **changes)
    pair = await shake(client_settings(version=version, identity=identity), server_settings())
    seen = await failure_of(pair.client)

    assert isinstance(pair.server, TlsError)
    assert isinstance(seen, TlsError)
    assert (pair.server.alert, seen.alert, seen.received) == (alert, alert, True)


@VERSIONS
async def test_bad_server_refused(version: Any) -> None:
    """A client refuses a server of another name, in TLS 1.3 under the handshake keys."""
    verify = site_pki().server_verifier("other.example.com", roots="public")
    pair = await shake(client_settings(version=version, verify=verify), server_settings())
    last_record = bytes(pair.near.sent)[-7:] if version == "1.2" else bytes(pair.near.sent)[-24:]

    assert isinstance(pair.client, TlsError)
    assert isinstance(pair.server, TlsError)
    assert (pair.client.alert, pair.server.alert, pair.server.received) == (46, 46, True)
    assert last_record[0] == (0x15 if version == "1.2" else 0x17)


@VERSIONS
async def test_accept_anything(version: Any) -> None:
    """Without a verifier any chain will do."""
    identity = site_pki().device_identity("mallory@example.com", ca="other")
    client = client_settings(version=version, identity=identity, verify=None)
    pair = await shake(client, server_settings(verify=None))
    await pair.close()

    assert pair.server.peer_chain == der_of(identity)


async def test_broken_verifier() -> None:
    """A verifier's own bug is not taken for a peer's fault."""

    def verify(_chain: tuple[bytes, ...]) -> None:
        raise ZeroDivisionError("bug")

    near, far = connect_memory()
    async with asyncio.TaskGroup() as tasks:
        server = tasks.create_task(
            _outcome(open_server(far, server_settings(), keys=KeyStore(), timeout_ns=TIMEOUT_NS))
        )
        with pytest.raises(ZeroDivisionError):
            await open_client(
                near, client_settings(verify=verify), keys=KeyStore(), timeout_ns=TIMEOUT_NS
            )
        near.abort()

    assert isinstance(server.result(), ConnectionError)


@VERSIONS
async def test_echo(version: Any) -> None:
    """200 kB there and back, more than the windows hold, end with close_notify both ways."""
    pair = await shake(client_settings(version=version), server_settings())
    serving = asyncio.create_task(echo(pair.server))
    received = asyncio.create_task(read_all(pair.client))
    await pair.client.write(DATA * 3)
    await pair.client.write_eof()

    assert await received == DATA * 3
    await asyncio.gather(serving, pair.client.close())
    assert not pair.near.is_aborted
    assert not pair.far.is_aborted


@VERSIONS
async def test_both_talk_at_once(version: Any) -> None:
    """Both ends send more than any window holds, and both read: nobody waits for ever."""
    pair = await shake(client_settings(version=version), server_settings())
    readers = [asyncio.create_task(read_all(stream)) for stream in (pair.client, pair.server)]
    async with asyncio.timeout(15):
        await asyncio.gather(_write_and_end(pair.client), _write_and_end(pair.server))
        received = await asyncio.gather(*readers)
    await pair.close()

    assert received == [DATA * 5, DATA * 5]


async def test_cancelled_write() -> None:
    """After a write that was cut off nothing more is sent: the peer sees a truncation, never a broken record."""
    pair = await shake(client_settings(), server_settings())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await pair.client.write(DATA * 5)
    closing = asyncio.create_task(pair.client.close())

    with pytest.raises(TlsError, match="without close_notify"):
        await read_all(pair.server)
    await asyncio.gather(closing, pair.server.close())


async def test_failure_stays() -> None:
    """A broken session gives the same error again, at once."""
    pair = await shake(client_settings(), server_settings())
    pair.near.alter_next_write()
    await pair.client.write(b"secret")
    with pytest.raises(TlsError) as first:
        await pair.server.read()
    with pytest.raises(TlsError) as second:
        await pair.server.read()
    with pytest.raises(TlsError):
        await pair.server.write(b"late")
    await asyncio.gather(pair.client.close(), pair.server.close())

    assert first.value is second.value


async def test_tls_in_tls() -> None:
    """A tunnel carries another session; its secrets name the carrier's ends."""
    pair = await shake(client_settings(), server_settings())
    near_keys, far_keys = KeyStore(), KeyStore()
    inner = server_settings(client_certificate="none")
    client, server = await asyncio.gather(
        open_client(
            pair.client, client_settings(identity=None), keys=near_keys, timeout_ns=TIMEOUT_NS
        ),
        open_server(pair.server, inner, keys=far_keys, timeout_ns=TIMEOUT_NS),
    )
    serving = asyncio.create_task(echo(server))
    received = asyncio.create_task(read_all(client))
    await client.write(DATA)
    await client.write_eof()

    assert await received == DATA
    await asyncio.gather(serving, client.close())
    assert client.client_random != pair.client.client_random
    assert near_keys.secrets == far_keys.secrets != {}
    assert set(near_keys.ends) == {(pair.near.local, pair.near.peer)}


@VERSIONS
async def test_half_close(version: Any) -> None:
    """After its close_notify an end still receives."""
    pair = await shake(client_settings(version=version), server_settings())
    await pair.client.write_eof()
    request = await read_all(pair.server)
    answering = asyncio.create_task(_write_and_close(pair.server, DATA))

    assert request == b""
    assert await read_all(pair.client) == DATA
    await asyncio.gather(answering, pair.client.close())


async def test_write_after_close_notify() -> None:
    """What comes after the end of data is refused here, not sent."""
    pair = await shake(client_settings(), server_settings())
    await pair.client.write_eof()
    sent = len(pair.near.sent)
    with pytest.raises(TlsError, match="after close_notify"):
        await pair.client.write(b"more")
    await pair.close()

    assert len(pair.near.sent) == sent


async def test_close_twice() -> None:
    """Closing again sends nothing more."""
    pair = await shake(client_settings(), server_settings())
    await pair.close()
    sent = len(pair.near.sent)
    await pair.client.close()

    assert len(pair.near.sent) == sent


async def test_abort() -> None:
    """An abort is a reset for the other end."""
    pair = await shake(client_settings(), server_settings())
    pair.client.abort()

    with pytest.raises(ConnectionResetError):
        await pair.server.read()


@VERSIONS
async def test_truncation(version: Any) -> None:
    """A FIN without close_notify is an error, not an end of data."""
    pair = await shake(client_settings(version=version), server_settings())
    await pair.near.write_eof()

    with pytest.raises(TlsError, match="without close_notify"):
        await pair.server.read()
    await pair.server.close()


@VERSIONS
async def test_altered_record(version: Any) -> None:
    """A record whose tag is wrong is refused with bad_record_mac, and no byte of it is given out."""
    pair = await shake(client_settings(version=version), server_settings())
    pair.near.alter_next_write()
    await pair.client.write(b"secret")

    with pytest.raises(TlsError) as refused:
        await pair.server.read()
    assert refused.value.alert == 20
    seen = await failure_of(pair.client)
    await pair.server.close()
    assert isinstance(seen, TlsError)
    assert (seen.alert, seen.received) == (20, True)


async def test_cancelled_read() -> None:
    """A read that is cancelled in the middle of a record loses nothing."""
    pair = await shake(client_settings(), server_settings())
    pair.near.hold_back(10)
    reading = asyncio.create_task(pair.server.read())
    await pair.client.write(b"whole")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    pair.near.let_go()

    assert await pair.server.read() == b"whole"
    await pair.close()


async def test_read_limit() -> None:
    """No more than the limit is given, and the rest is kept."""
    pair = await shake(client_settings(), server_settings())
    await pair.client.write(b"abcdef")

    assert [await pair.server.read(4), await pair.server.read(4)] == [b"abcd", b"ef"]
    await pair.close()


@pytest.mark.parametrize("role", [open_client, open_server], ids=["client", "server"])
async def test_silent_peer(role: Any) -> None:
    """A peer that says nothing costs the time-out and no more; the carrier is reset."""
    near, _far = connect_memory()
    settings = client_settings() if role is open_client else server_settings()

    with pytest.raises(TimeoutError, match="not finished after 20 ms"):
        await role(near, settings, keys=KeyStore(), timeout_ns=20_000_000)
    assert near.is_aborted


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="http"),
        pytest.param(bytes(100), id="zeros"),
        pytest.param(b"\x16\x03\x01\xff\xff" + bytes(70000), id="long record"),
        pytest.param(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00", id="empty hello"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x28", id="alert"),
        pytest.param(b"\x80\x2e\x01\x03\x01" + bytes(45), id="ssl2"),
        pytest.param(b"", id="nothing"),
    ],
)
@pytest.mark.parametrize("role", [open_client, open_server], ids=["client", "server"])
async def test_garbage(role: Any, data: bytes) -> None:
    """Whatever is no TLS ends in a TlsError with an ordered close."""
    error, was_aborted = await _meet(role, data)

    assert isinstance(error, TlsError)
    assert not was_aborted


@pytest.mark.parametrize("role", [open_client, open_server], ids=["client", "server"])
async def test_mutated_flights(role: Any) -> None:
    """A flight with altered bytes ends in an orderly TlsError, or goes unnoticed until Finished."""
    pair = await shake(client_settings(version="1.2"), server_settings())
    flight = bytes(pair.far.sent if role is open_client else pair.near.sent)[:600]
    await pair.close()

    @hypothesis_settings(max_examples=40, deadline=None, database=None, derandomize=True)
    @given(st.integers(0, len(flight) - 1), st.integers(1, 255))
    def meets(offset: int, flip: int) -> None:
        altered = bytearray(flight)
        altered[offset] ^= flip
        error = asyncio.run(_meet(role, bytes(altered)))[0]
        assert isinstance(error, TlsError)

    await asyncio.to_thread(meets)


async def test_no_sni_for_addresses() -> None:
    """An address is no host name, so it is not sent as one."""
    pair = await shake(client_settings(server_name="10.20.1.1"), server_settings())
    await pair.close()

    assert b"10.20.1.1" not in pair.near.sent
    assert isinstance(pair.client, TlsStream)


async def test_alpn_is_named() -> None:
    """An empty ALPN list is refused at once."""
    with pytest.raises(ValueError, match="alpn is empty"):
        await shake_raising(client_settings(alpn=()))


@VERSIONS
@pytest.mark.parametrize("android", [None, 7, 9, 13])
async def test_openssl_server(version: Any, android: int | None, tmp_path: Path) -> None:
    """OpenSSL accepts our client, certificate included, and both understand each other."""
    root = site_pki().root_pem("user")
    context = make_context(
        is_server=True,
        version="1.2" if android in (7, 9) else version,
        identity=node(),
        root_pem=root,
        folder=tmp_path,
    )
    near, far = connect_memory()
    peer = OpensslPeer(far, context, server_name=None)
    client, _ = await asyncio.gather(
        open_client(
            near,
            client_settings(version=version, android=android),
            keys=KeyStore(),
            timeout_ns=TIMEOUT_NS,
        ),
        peer.handshake(),
    )
    await asyncio.gather(client.write(DATA[:100_000]), peer.write(b"welcome"))
    received = bytearray()
    while len(received) < 100_000:
        received += await peer.read()

    assert await client.read() == b"welcome"
    assert bytes(received) == DATA[:100_000]
    assert peer.tls.getpeercert(binary_form=True) == der_of(device())[0]
    assert peer.tls.selected_alpn_protocol() == "http/1.1"
    await asyncio.gather(client.close(), peer.close())


@VERSIONS
async def test_openssl_client(version: Any, tmp_path: Path) -> None:
    """OpenSSL's client is served, with its certificate."""
    root = site_pki().root_pem("public")
    context = make_context(
        is_server=False, version=version, identity=device(), root_pem=root, folder=tmp_path
    )
    near, far = connect_memory()
    peer = OpensslPeer(near, context, server_name=FQDN)
    server, _ = await asyncio.gather(
        open_server(far, server_settings(), keys=KeyStore(), timeout_ns=TIMEOUT_NS),
        peer.handshake(),
    )
    await peer.write(b"hello")
    await server.write(b"welcome")

    assert (await server.read(), await peer.read()) == (b"hello", b"welcome")
    assert server.peer_chain == der_of(device())
    assert peer.tls.selected_alpn_protocol() == "http/1.1"
    await asyncio.gather(server.close(), peer.close())


async def shake_raising(client: Any) -> None:
    """Open a client against nobody."""
    near, _far = connect_memory()
    await open_client(near, client, keys=KeyStore(), timeout_ns=TIMEOUT_NS)


async def _meet(role: Any, data: bytes) -> tuple[Any, bool]:
    near, far = connect_memory()
    await far.write(data[: 1 << 17])
    await far.write_eof()
    settings = client_settings() if role is open_client else server_settings()
    opening = _outcome(role(near, settings, keys=KeyStore(), timeout_ns=TIMEOUT_NS))
    return await opening, near.is_aborted


async def _outcome(opening: Any) -> Any:
    try:
        return await opening
    except ConnectionError as error:
        return error


async def _write_and_end(stream: TlsStream) -> None:
    await stream.write(DATA * 5)
    await stream.write_eof()


async def _write_and_close(stream: TlsStream, data: bytes) -> None:
    await stream.write(data)
    await stream.close()
