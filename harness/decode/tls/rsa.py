"""RSA key exchange before TLS 1.3: the master secret from the pre-master secret that the client encrypted.

RFC 5246 section 7.4.7.1 (pre-master secret), section 8.1 (master secret), RFC 7627 (extended master secret).
Only handshakes whose messages were all seen can give an extended master secret: it is bound to a hash of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_private_key,
)

from harness.capture.keylog import MASTER, PRE_MASTER, Secrets
from harness.decode.tls.cipher import SSL_3_0
from harness.decode.tls.keys import TLS_1_2, derive_prf
from harness.decode.tls.message import (
    ClientHello,
    HandshakeType,
    MessageError,
    Reader,
    ServerHello,
    parse_certificate_list,
)
from harness.decode.tls.suite import find_suite
from harness.trace.tls import Side

_PRE_MASTER_SIZE: Final = 48
_TRANSCRIPT_LIMIT: Final = 1 << 20
"""Bytes of one handshake that are kept for its hash."""


class KeyFileError(ValueError):
    """A file that holds no usable RSA private key; the message says why."""


class RsaKeys:
    """RSA private keys of servers: opens pre-master secrets that were encrypted for them."""

    def __init__(self, files: Sequence[bytes]) -> None:
        """Read PEM (one or several keys in a file) or DER.

        Raises:
            KeyFileError: A file holds none, or one with a passphrase.
        """
        self._keys = [key for data in files for key in _parse_keys(data)]

    def open(self, encrypted: bytes, certificate: bytes | None) -> bytes | None:
        """The pre-master secret; None: no key fits.

        Args:
            encrypted: As the client sent it.
            certificate: DER of the server's certificate, which tells the key; None: it was not seen, all are tried.
        """
        wanted = _public_numbers(certificate) if certificate is not None else None
        for key in self._keys:
            if wanted is not None and key.public_key().public_numbers() != wanted:
                continue
            try:
                opened = key.decrypt(encrypted, PKCS1v15())
            except ValueError:
                continue
            # A wrong key gives random bytes where the library hides padding errors (implicit rejection).
            if len(opened) == _PRE_MASTER_SIZE and opened[0] == 3:
                return opened
        return None


def _parse_keys(data: bytes) -> list[RSAPrivateKey]:
    mark = b"-----BEGIN "
    parts = [mark + part for part in data.split(mark)[1:]] if mark in data else [data]
    keys = []
    problem = "no key in it"
    for part in parts:
        if part.startswith(mark) and b"PRIVATE KEY-----" not in part.split(b"\n", 1)[0]:
            continue  # A certificate beside its key.
        try:
            load = load_pem_private_key if part.startswith(mark) else load_der_private_key
            key = load(part, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            problem = (str(error).splitlines() or [type(error).__name__])[0]
            continue
        if isinstance(key, RSAPrivateKey):
            keys.append(key)
        else:
            problem = f"{type(key).__name__} is no RSA key; only RSA key exchange can be opened"
    if not keys:
        raise KeyFileError(
            f"expected an RSA private key in PEM or DER, without passphrase: {problem}"
        )
    return keys


def _public_numbers(certificate: bytes) -> object:
    """What tells two RSA keys apart; another object where the certificate cannot be read."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key.public_numbers() if isinstance(key, RSAPublicKey) else certificate


def derive_master(
    pre_master: bytes, client: ClientHello, server: ServerHello, transcript: bytes
) -> bytes:
    """RFC 5246 section 8.1; with the extension RFC 7627 section 4, over the handshake up to ClientKeyExchange."""
    suite = find_suite(server.cipher_suite)
    hash_name = suite.hash if suite is not None else "sha256"
    if not server.extended_master_secret:
        seed, label = client.random + server.random, b"master secret"
    elif server.version >= TLS_1_2:
        seed, label = hashlib.new(hash_name, transcript).digest(), b"extended master secret"
    else:
        digest = hashlib.md5(transcript, usedforsecurity=False).digest()
        seed = digest + hashlib.sha1(transcript, usedforsecurity=False).digest()
        label = b"extended master secret"
    return derive_prf(
        pre_master, label, seed, _PRE_MASTER_SIZE, version=server.version, hash_name=hash_name
    )


class KeyExchange:
    """Follows the handshakes of one connection, and puts master secrets into the store as soon as they can be known."""

    __slots__ = ("_certificate", "_client", "_messages", "_secrets", "_server")

    def __init__(self, secrets: Secrets) -> None:
        """Start before the first handshake."""
        self._secrets = secrets
        self._client: ClientHello | None = None
        self._server: ServerHello | None = None
        self._certificate: bytes | None = None
        self._messages: list[bytes] | None = None
        """The handshake so far; None: it is not known from its start."""

    def see_client_hello(self, hello: ClientHello) -> None:
        """A handshake begins."""
        self._client, self._server, self._certificate = hello, None, None
        self._messages = []

    def see_server_hello(self, hello: ServerHello) -> None:
        """Where the server goes on with an old session, its master secret is that of this connection."""
        self._server = hello
        client = self._client
        if client is None or hello.is_tls13:
            return
        master = self._secrets.find_master(hello.session_id)
        if master is None and client.ticket:
            master = self._secrets.find_master(client.ticket)
        self._keep(master)

    def see_message(self, side: Side, kind: int, body: bytes) -> None:
        """Take in a handshake message in the clear, the hellos included (after they were told as such)."""
        messages = self._messages
        if messages is not None and kind != HandshakeType.hello_request:
            messages.append(bytes((kind,)) + len(body).to_bytes(3, "big") + body)
            if sum(map(len, messages)) > _TRANSCRIPT_LIMIT:
                self._messages = None
        if side == "server" and kind == HandshakeType.certificate:
            chain = parse_certificate_list(body, is_tls13=False)
            self._certificate = chain[0] if chain else None
        elif side == "server" and kind == HandshakeType.new_session_ticket:
            # RFC 5077 section 3.3: lifetime, ticket.
            reader = Reader(body)
            reader.take(4)
            self._keep_session(reader.vector(2))
        elif side == "client" and kind == HandshakeType.client_key_exchange:
            self._derive(body)

    def _derive(self, body: bytes) -> None:
        client, server = self._client, self._server
        if client is None or server is None or server.is_tls13:
            return
        pre_master = self._secrets.find(client.random).get(PRE_MASTER)
        if pre_master is None:
            suite = find_suite(server.cipher_suite)
            if suite is None or not suite.name.startswith("TLS_RSA_WITH_"):
                return
            encrypted = body  # RFC 6101 section 5.6.7.1: SSL 3.0 has no length here; some TLS 1.0 clients follow it.
            if server.version > SSL_3_0:
                with suppress(MessageError):
                    encrypted = Reader(body).vector(2)
            pre_master = self._secrets.find_pre_master(encrypted, self._certificate)
        if pre_master is None:
            return
        if server.extended_master_secret and self._messages is None:
            return
        transcript = b"".join(self._messages or ())
        self._keep(derive_master(pre_master, client, server, transcript))

    def _keep(self, master: bytes | None) -> None:
        if master is None or self._client is None or self._server is None:
            return
        self._secrets.keep_master(self._client.random, master)
        self._secrets.keep_session(self._server.session_id, master)

    def _keep_session(self, ticket: bytes) -> None:
        if self._client is None:
            return
        master = self._secrets.find(self._client.random).get(MASTER)
        if master is not None:
            self._secrets.keep_session(ticket, master)
