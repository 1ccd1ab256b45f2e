"""One TLS endpoint over a byte stream.

It works over any Stream, so TLS inside a TLS tunnel is `open_client(outer, ...)`. In TLS 1.3 a client
has finished its handshake before the server has judged its certificate: the server's refusal is then
the TlsError of the client's first `read`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial
from ipaddress import ip_address
from typing import Any

from tlslite.errors import (
    TLSAbruptCloseError,
    TLSLocalAlert,
    TLSRemoteAlert,
)
from tlslite.x509 import X509
from tlslite.x509certchain import X509CertChain

from harness.net.address import Endpoint
from harness.world.host import Stream
from harness.world.tls import acceleration
from harness.world.tls.alert import TlsError, name_alert
from harness.world.tls.android import HelloProfile, profile_of, shape
from harness.world.tls.connection import TLS12, Connection, ShapeHello
from harness.world.tls.early_data import EarlyDataConnection
from harness.world.tls.end_settings import ClientSettings, ServerSettings
from harness.world.tls.identity import Identity, KeyTap
from harness.world.tls.offer import Group, Version, make_settings, with_tickets
from harness.world.tls.reauthentication import ReauthenticatingConnection
from harness.world.tls.resumption import SavedSession

__all__ = [
    "ClientSettings",
    "Group",
    "ServerSettings",
    "TlsError",
    "TlsStream",
    "Version",
    "open_client",
    "open_server",
]

_CLOSE_TIMEOUT_S = 1
_RECORD_BYTES = 1 << 14
_READ_BYTES = 1 << 16


class TlsStream:
    """Plaintext over TLS over a Stream, which it owns."""

    def __init__(self, carrier: Stream, connection: Connection) -> None:
        """Wrap a connection whose handshake is still to come."""
        self._carrier = carrier
        self._connection = connection
        self._flushing = asyncio.Lock()
        self._reader: Iterator[int | bytes] | None = None
        self._plaintext = bytearray()
        self._is_read_ended = False
        self._is_write_ended = False
        self._failure: Exception | None = None
        self._version: Version = "1.2"
        self._arrived = b""
        """Early data that the server took, until somebody wants to send it."""

    @property
    def local(self) -> Endpoint:
        """This end of the carrier."""
        return self._carrier.local

    @property
    def peer(self) -> Endpoint:
        """The other end of the carrier."""
        return self._carrier.peer

    @property
    def peer_chain(self) -> tuple[bytes, ...]:
        """The peer's certificates (DER, leaf first), () if it sent none."""
        return self._connection.peer_chain

    @property
    def version(self) -> Version:
        """The negotiated version."""
        return self._version

    @property
    def protocol(self) -> str:
        """What both ends agreed on by ALPN, or ""."""
        return bytes(self._connection.session.appProto or b"").decode("ascii", "replace")

    @property
    def client_random(self) -> bytes:
        """Random of the ClientHello, 32 bytes: the name of this session in every key log."""
        return self._connection.client_random

    @property
    def resumed(self) -> bool:
        """Whether an earlier session was resumed."""
        return bool(self._connection.resumed)

    @property
    def first_flight(self) -> bytes:
        """What a client sent before it heard anything, if there is early data in it."""
        connection = self._connection
        return connection.first_flight if isinstance(connection, EarlyDataConnection) else b""

    @property
    def session(self) -> SavedSession | None:
        """What a client can resume later; TLS 1.3 gives it out after the handshake, with the first data."""
        return self._connection.saved

    async def read(self, limit: int = _READ_BYTES) -> bytes:
        """At least one byte and at most `limit`; b"" at the peer's close_notify. May be cancelled without losing bytes.

        Raises:
            TlsError: the peer sent an alert, broke the protocol, or ended without close_notify.
            ConnectionError: the carrier broke.
        """
        while not self._plaintext and not self._is_read_ended:
            if self._reader is None:
                self._reader = self._connection.receive()
            data = await self._drive(self._reader)
            self._reader = None
            self._plaintext += data
            self._is_read_ended = not data
        piece = bytes(self._plaintext[:limit])
        del self._plaintext[:limit]
        return piece

    async def write(self, data: bytes) -> None:
        """Send all of it, waiting while the peer's window is full.

        Raises:
            TlsError: this end has sent its close_notify, or the session is broken.
            ConnectionError: the carrier broke.
        """
        if self._is_write_ended:
            raise TlsError(f"write to {self.peer} after close_notify")
        if self._arrived and data == self._arrived:
            self._arrived = b""
            return
        for start in range(0, len(data), _RECORD_BYTES):
            await self._drive(self._connection.writeAsync(data[start : start + _RECORD_BYTES]))

    async def write_eof(self) -> None:
        """Send close_notify; reading goes on. The carrier stays open."""
        if not self._is_write_ended:
            self._is_write_ended = True
            if not self._connection.closed:
                await self._drive(self._connection.send_close_notify())

    async def close(self) -> None:
        """End in order: close_notify, then the carrier's own orderly end."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self.write_eof()
        await self._carrier.close()

    def abort(self) -> None:
        """End at once, without close_notify."""
        self._is_write_ended = True
        self._carrier.abort()

    async def _handshake(self, handshake: Iterator[Any], timeout_ns: int) -> None:
        try:
            async with asyncio.timeout(timeout_ns / 1e9):
                await self._drive(handshake)
        except TimeoutError:
            self._carrier.abort()
            raise TimeoutError(
                f"TLS handshake of {self.local} with {self.peer} not finished after {timeout_ns // 1_000_000} ms"
            ) from None
        except ConnectionError:
            await self._carrier.close()
            raise
        self._version = "1.3" if self._connection.version > TLS12 else "1.2"

    async def _drive(self, steps: Iterator[Any]) -> Any:
        """Run one of the connection's generators, moving bytes between it and the carrier."""
        memory = self._connection.memory
        result = None
        while True:
            if self._failure is not None:
                raise self._failure
            try:
                result = next(steps)
            except StopIteration:
                if memory.outgoing or self._flushing.locked():
                    await self._flush()
                return result
            except Exception as error:
                self._is_write_ended = True
                self._failure = self._translate(error)
                await self._flush_last_words()
                raise self._failure from error
            # A reader never waits for a writer: two ends with full windows would wait for each other.
            if memory.outgoing and not self._flushing.locked():
                await self._flush()
            if not isinstance(result, int):
                return result
            if result == 0 and not memory.incoming and not memory.is_at_eof:
                data = await self._carrier.read(_READ_BYTES)
                memory.incoming += data
                memory.is_at_eof = not data

    async def _flush(self) -> None:
        memory = self._connection.memory
        async with self._flushing:
            while memory.outgoing:
                data = bytes(memory.outgoing)
                memory.outgoing.clear()
                try:
                    await self._carrier.write(data)
                except asyncio.CancelledError:
                    # Part of a record may be gone; nothing that follows it could be understood.
                    self._is_write_ended = True
                    raise

    async def _flush_last_words(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._flush()

    def _translate(self, error: Exception) -> Exception:
        """Say in our words what tlslite-ng raised; what a callback of ours raised stays as it is."""
        if error is self._connection.callback_failure:
            return error
        ends = f"{self.local} with {self.peer}"
        match error:
            case TLSLocalAlert():
                reason = f": {error.message}" if error.message else ""
                alert = int(error.description)
                return TlsError(
                    f"TLS of {ends}: sent alert {name_alert(alert)}{reason}", alert=alert
                )
            case TLSRemoteAlert():
                alert = int(error.description)
                return TlsError(
                    f"TLS of {ends}: received alert {name_alert(alert)}", alert=alert, received=True
                )
            case TLSAbruptCloseError():
                return TlsError(
                    f"TLS of {ends}: the peer ended the connection without close_notify"
                )
            case ConnectionError():
                return error
        return TlsError(f"TLS of {ends}: {type(error).__name__}: {error}")


@cache
def _shaper(profile: HelloProfile) -> ShapeHello:
    """The same one each time, by which connections know that their hellos are alike."""
    return partial(shape, profile=profile)


@cache
def _accelerate() -> None:
    acceleration.install()


async def open_client(
    stream: Stream, settings: ClientSettings, *, keys: KeyTap, timeout_ns: int
) -> TlsStream:
    """Do the client's handshake over a stream.

    Whatever fails, the stream is closed: in order after an alert, with RST after a time-out.

    Raises:
        TlsError: the handshake failed.
        TimeoutError: it did not finish in time.
        ConnectionError: the stream broke.
    """
    profile = profile_of(settings.android) if settings.android is not None else None
    version: Version = settings.version if profile is None or profile.has_tls13 else "1.2"
    _accelerate()
    kind: Callable[..., Connection] = Connection
    if settings.later_identity is not None:
        kind = ReauthenticatingConnection
    elif settings.early_data:
        kind = partial(EarlyDataConnection, early=settings.early_data)
    connection = kind(
        verify=settings.verify,
        is_certificate_required=False,
        shape_hello=None if profile is None else _shaper(profile),
        sink=_sink(stream, keys),
        saved=settings.session,
        issuers=_find_issuers(settings.identity) if settings.identity else (),
    )
    tls = TlsStream(stream, connection)

    def handshake(identity: Identity | None, version: Version, session: Any) -> Iterator[Any]:
        chain, key = _load(identity) if identity else (None, None)
        steps: Iterator[Any] = connection.handshakeClientCert(
            chain,
            key,
            session=session,
            settings=make_settings(version, pads_hello=profile is None),
            serverName=_host_name(settings.server_name),
            alpn=_protocols(settings.alpn),
            async_=True,
        )
        return steps

    if isinstance(connection, ReauthenticatingConnection) and settings.later_identity:
        connection.later_pair = _load(settings.later_identity)
        connection.again = partial(handshake, settings.later_identity, "1.2", None)
    await tls._handshake(handshake(settings.identity, version, connection.offered), timeout_ns)
    if isinstance(connection, ReauthenticatingConnection) and tls.version == "1.2":
        await tls._handshake(connection.renegotiate(), timeout_ns)
    if isinstance(connection, EarlyDataConnection) and connection.is_accepted:
        tls._arrived = settings.early_data
    return tls


async def open_server(
    stream: Stream, settings: ServerSettings, *, keys: KeyTap, timeout_ns: int
) -> TlsStream:
    """Do the server's handshake over a stream; errors and closing as in `open_client`."""
    _accelerate()
    kind: type[Connection] = Connection
    if settings.asks_again:
        kind = ReauthenticatingConnection
    elif settings.takes_early_data:
        kind = EarlyDataConnection
    connection = kind(
        verify=settings.verify,
        is_certificate_required=settings.client_certificate == "required",
        shape_hello=None,
        sink=_sink(stream, keys),
        store=settings.store,
        authorities=settings.authorities,
    )
    chain, key = _load(settings.identity)
    store, is_lax, rule = settings.store, settings.is_lax, settings.rule
    offer = make_settings(settings.version, settings.groups, is_lax=is_lax, rule=rule)
    tls = TlsStream(stream, connection)
    handshake = partial(
        connection.handshakeServerAsync,
        certChain=chain,
        privateKey=key,
        reqCert=settings.client_certificate != "none",
        sessionCache=store if store is not None and store.kind == "session_ids" else None,
        settings=with_tickets(offer, store.key) if store and store.kind == "tickets" else offer,
        alpn=_protocols(settings.alpn),
    )
    steps = handshake()
    if isinstance(connection, EarlyDataConnection):
        steps = connection.until_early(steps)
    await tls._handshake(steps, timeout_ns)
    if isinstance(connection, ReauthenticatingConnection) and tls.version in settings.asks_again:
        connection.again = handshake
        if connection.can_ask_again:
            await tls._handshake(connection.ask_again(offer), timeout_ns)
    return tls


def _sink(stream: Stream, keys: KeyTap) -> Any:
    def sink(client_random: bytes, label: str, secret: bytes) -> None:
        keys.secret(
            local=stream.local,
            peer=stream.peer,
            client_random=client_random,
            label=label,
            secret=secret,
        )

    return sink


def _find_issuers(identity: Identity) -> tuple[bytes, ...]:
    """Names (DER) of those who issued its certificates."""
    chain, _ = _load(identity)
    return tuple(bytes(one.issuer) for one in chain.x509List)


def _protocols(names: tuple[str, ...]) -> list[bytearray]:
    # A tlslite-ng server without a list fails on a client that has one, and tshark finds HTTP in TLS by ALPN.
    if not names:
        raise ValueError("alpn is empty; name at least one protocol, such as http/1.1")
    return [bytearray(name.encode("ascii")) for name in names]


def _host_name(name: str) -> str | None:
    try:
        ip_address(name)
    except ValueError:
        return name or None
    return None


@lru_cache(maxsize=512)
def _load(identity: Identity) -> tuple[Any, Any]:
    """Parse an identity for tlslite-ng; parsing costs more than a handshake, so it is done once."""
    chain = X509CertChain([X509().parse(pem) for pem in identity.chain_pem])
    return chain, acceleration.parse_private_key(identity.key_pem)
