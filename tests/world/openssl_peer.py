"""The other end by the standard library's OpenSSL, over a memory stream: proof that we speak TLS, not a dialect."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

from harness.world.tls.identity import Identity
from tests.world.memory_stream import MemoryStream

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def make_context(
    *, is_server: bool, version: str, identity: Identity | None, root_pem: str, folder: Path
) -> ssl.SSLContext:
    """One version, mutual trust in `root_pem`, ALPN http/1.1; a server demands a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    context.load_verify_locations(cadata=root_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["http/1.1"])
    if identity is not None:
        path = folder / "identity.pem"
        path.write_text(identity.key_pem + "".join(identity.chain_pem))
        context.load_cert_chain(path)
    return context


class OpensslPeer:
    """An SSLObject driven over a MemoryStream."""

    def __init__(
        self, stream: MemoryStream, context: ssl.SSLContext, *, server_name: str | None
    ) -> None:
        """A server has no server_name."""
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_name is None,
            server_hostname=server_name,
        )

    async def handshake(self) -> None:
        """Finish it, or raise ssl.SSLError after the alert has left."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._pump()
                continue
            finally:
                await self._flush()
            return

    async def read(self) -> bytes:
        """Some bytes; b"" at close_notify."""
        while True:
            try:
                return self.tls.read(1 << 16)
            except ssl.SSLWantReadError:
                await self._pump()
            except ssl.SSLZeroReturnError:
                return b""

    async def write(self, data: bytes) -> None:
        """Send all."""
        self.tls.write(data)
        await self._flush()

    async def close(self) -> None:
        """Send close_notify, then FIN."""
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        await self._flush()
        await self._stream.close()

    async def _pump(self) -> None:
        await self._flush()
        data = await self._stream.read()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._stream.write(self._outgoing.read())
