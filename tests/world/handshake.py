"""Two TLS ends joined in memory: one small site's certificates, a key store, and a handshake between them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.net.address import Endpoint
from harness.world.pki.pki import Pki
from harness.world.tls.endpoint import (
    ClientSettings,
    ServerSettings,
    TlsStream,
    open_client,
    open_server,
)
from harness.world.tls.identity import Identity
from tests.world.memory_stream import MemoryStream, connect_memory

FQDN = "access.example.com"
NOW_NS = time.time_ns()
"""The real time: OpenSSL, the other end in some tests, knows no other."""

TIMEOUT_NS = 20_000_000_000


@cache
def site_pki() -> Pki:
    """Make the authorities, once for all tests."""
    nodes = {"node1": IPv4Address("10.20.1.1"), "node2": IPv4Address("10.20.1.2")}
    return Pki(fqdn=FQDN, nodes=nodes, now_ns=NOW_NS)


@cache
def node() -> Identity:
    """One node's public identity."""
    return site_pki().node_identity("node1")


@cache
def device() -> Identity:
    """One device's identity."""
    return site_pki().device_identity("alice@example.com")


def der_of(identity: Identity) -> tuple[bytes, ...]:
    """The chain as it stands in a TLS certificate message."""
    return tuple(
        x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
        for pem in identity.chain_pem
    )


@dataclass(slots=True)
class KeyStore:
    """A KeyTap that keeps everything."""

    secrets: dict[tuple[bytes, str], bytes] = field(default_factory=dict)
    ends: list[tuple[Endpoint, Endpoint]] = field(default_factory=list)

    def secret(
        self, *, local: Endpoint, peer: Endpoint, client_random: bytes, label: str, secret: bytes
    ) -> None:
        """Keep one."""
        assert (client_random, label) not in self.secrets
        self.secrets[client_random, label] = secret
        self.ends.append((local, peer))

    def keylog(self) -> bytes:
        """Write them as an NSS key log."""
        lines = (
            f"{label} {random.hex()} {key.hex()}\n" for (random, label), key in self.secrets.items()
        )
        return "".join(lines).encode()


@dataclass(slots=True)
class Pair:
    """A connection in memory, and what came of the two handshakes: a stream or an exception each."""

    near: MemoryStream
    far: MemoryStream
    client_keys: KeyStore
    server_keys: KeyStore
    client: Any = None
    server: Any = None

    async def close(self) -> None:
        """End both in order."""
        await asyncio.gather(self.client.close(), self.server.close())


def client_settings(**changes: Any) -> ClientSettings:
    """A device that trusts the public CA and has a certificate."""
    verify = site_pki().server_verifier(FQDN, roots="public")
    defaults: dict[str, Any] = {"server_name": FQDN, "identity": device(), "verify": verify}
    return ClientSettings(**{**defaults, **changes})


def server_settings(**changes: Any) -> ServerSettings:
    """A node that demands a certificate of the user CA."""
    defaults: dict[str, Any] = {
        "identity": node(),
        "client_certificate": "required",
        "verify": site_pki().user_verifier(),
    }
    return ServerSettings(**{**defaults, **changes})


async def shake(client: ClientSettings, server: ServerSettings) -> Pair:
    """Do both handshakes at once; failures are kept, not raised."""
    pair = Pair(*connect_memory(), client_keys=KeyStore(), server_keys=KeyStore())
    pair.client, pair.server = await asyncio.gather(
        open_client(pair.near, client, keys=pair.client_keys, timeout_ns=TIMEOUT_NS),
        open_server(pair.far, server, keys=pair.server_keys, timeout_ns=TIMEOUT_NS),
        return_exceptions=True,
    )
    return pair


async def failure_of(client: Any) -> Exception:
    """The client's refusal: of its handshake, or (TLS 1.3) of its first read."""
    if isinstance(client, TlsStream):
        try:
            await client.read()
        except ConnectionError as error:
            return error
        finally:
            await client.close()
    assert isinstance(client, Exception)
    return client


async def read_all(stream: Any) -> bytes:
    """Read to the end."""
    data = bytearray()
    while piece := await stream.read():
        data += piece
    return bytes(data)


async def echo(stream: Any) -> None:
    """Send everything back, then end."""
    while piece := await stream.read():
        await stream.write(piece)
    await stream.close()
