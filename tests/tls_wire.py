"""TLS conversations made in memory by the standard library's OpenSSL, with their key log: test data and oracle."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import trustme

from harness.capture.keylog import Secrets, parse_keylog
from harness.decode.tls.plaintext import Plaintext
from harness.decode.tls.session import TlsDecoder
from harness.trace.http import Malformed
from harness.trace.packet import PacketNumber
from harness.trace.tls import Side, TlsSession

Chunk = tuple[Side, bytes]
Part = tuple[Side, bytes | int]
"""Bytes of one side, or how many of its bytes are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What two ends said, in order, and the secrets of it."""

    chunks: tuple[Chunk, ...]
    keylog: bytes
    client_der: bytes
    server_der: bytes
    error: str | None = None

    @property
    def secrets(self) -> Secrets:
        """The store that the decoder is given."""
        return parse_keylog(self.keylog)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What came out of the decoder."""

    session: TlsSession
    malformed: tuple[Malformed, ...]
    plaintexts: tuple[Plaintext, ...]

    def data(self, side: Side) -> bytes:
        """All decrypted bytes of a side."""
        return b"".join(piece.data for piece in self.plaintexts if piece.side == side)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """One test CA with a server and a client certificate."""

    ca: trustme.CA
    server: trustme.LeafCert
    client: trustme.LeafCert


@cache
def authority() -> Authority:
    """Made once: key generation is the slow part."""
    ca = trustme.CA()
    return Authority(
        ca=ca, server=ca.issue_cert("svc.example.test"), client=ca.issue_cert("alice@example.test")
    )


@dataclass(kw_only=True)
class Peers:
    """Settings of both ends; `tune` may change the two contexts at will."""

    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: str | None = None
    with_client_certificate: bool = True
    client_certificate_required: bool = True
    alpn: tuple[str, ...] = ()
    tune: Callable[[ssl.SSLContext, ssl.SSLContext], None] | None = None
    contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None = field(default=None, init=False)

    def build(self, keylog_path: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """Client and server context, made once so that sessions can be resumed."""
        if self.contexts is None:
            made = authority()
            client, server = (
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
            )
            for context in (client, server):
                # TLS 1.0 and 1.1 need security level 0, and the ssl module warns about them.
                context.set_ciphers(f"{self.ciphers or 'ALL'}:@SECLEVEL=0")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    context.minimum_version = context.maximum_version = self.version
                made.ca.configure_trust(context)
                if self.alpn:
                    context.set_alpn_protocols(list(self.alpn))
            made.server.configure_cert(server)
            if self.with_client_certificate:
                made.client.configure_cert(client)
            server.verify_mode = (
                ssl.CERT_REQUIRED if self.client_certificate_required else ssl.CERT_OPTIONAL
            )
            if self.tune is not None:
                self.tune(client, server)
            self.contexts = client, server
        self.contexts[0].keylog_filename = keylog_path
        return self.contexts


class _End:
    """One end: an SSLObject over two memory buffers."""

    def __init__(self, side: Side, context: ssl.SSLContext, session: ssl.SSLSession | None) -> None:
        self.side: Side = side
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        is_server = side == "server"
        self.tls = context.wrap_bio(
            self.incoming,
            self.outgoing,
            server_side=is_server,
            server_hostname=None if is_server else "svc.example.test",
            session=session,
        )
        self.is_done = False
        self.received = b""

    def step(self) -> None:
        """Go on as far as possible."""
        try:
            if not self.is_done:
                self.tls.do_handshake()
                self.is_done = True
            while data := self.tls.read(1 << 16):
                self.received += data
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass


def converse(
    peers: Peers, sends: Sequence[Chunk] = (), *, authenticate_later: bool = False
) -> Talk:
    """Shake hands, send what `sends` says, close; every flight is one chunk."""
    return converse_resumable(peers, sends, authenticate_later=authenticate_later)[0]


def converse_resumable(
    peers: Peers,
    sends: Sequence[Chunk] = (),
    *,
    session: ssl.SSLSession | None = None,
    authenticate_later: bool = False,
) -> tuple[Talk, ssl.SSLSession | None]:
    """The same, and the client's session for a later resumption."""
    chunks: list[Chunk] = []
    error = None
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "keys")
        contexts = peers.build(path)
        client, server = _End("client", contexts[0], session), _End("server", contexts[1], None)

        def pump() -> None:
            """Carry bytes until both ends are silent."""
            is_busy = True
            while is_busy:
                is_busy = False
                for end, other in ((client, server), (server, client)):
                    try:
                        end.step()
                    finally:
                        data = end.outgoing.read()
                        if data:
                            chunks.append((end.side, data))
                            other.incoming.write(data)
                            is_busy = True

        try:
            pump()
            if authenticate_later:
                server.tls.verify_client_post_handshake()
            for side, data in sends:
                (client if side == "client" else server).tls.write(data)
                pump()
            for end in (client, server):
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.tls.unwrap()
                pump()
        except ssl.SSLError as problem:
            error = str(problem)
        keylog = b""
        if os.path.exists(path):
            with open(path, "rb") as file:
                keylog = file.read()
    made = authority()
    talk = Talk(
        chunks=tuple(chunks),
        keylog=keylog,
        client_der=ssl.PEM_cert_to_DER_cert(made.client.cert_chain_pems[0].bytes().decode()),
        server_der=ssl.PEM_cert_to_DER_cert(made.server.cert_chain_pems[0].bytes().decode()),
        error=error,
    )
    return talk, None if error else client.tls.session


def decode(parts: Sequence[Part], secrets: Secrets) -> Decoded:
    """Feed parts as packets 1, 2, 3, ... at 1000 ns each."""
    decoder = TlsDecoder(secrets)
    plaintexts: list[Plaintext] = []
    for index, (side, part) in enumerate(parts):
        number, time_ns = PacketNumber(index + 1), (index + 1) * 1000
        if isinstance(part, int):
            plaintexts += decoder.gap(side, part, number, time_ns)
        else:
            plaintexts += decoder.feed(side, part, number, time_ns)
    plaintexts += decoder.close()
    session, malformed = decoder.finish()
    return Decoded(session=session, malformed=malformed, plaintexts=tuple(plaintexts))


def split(chunks: Sequence[Chunk], size: int) -> tuple[Chunk, ...]:
    """The same bytes in pieces of at most `size`."""
    return tuple(
        (side, data[i : i + size]) for side, data in chunks for i in range(0, len(data), size)
    )
