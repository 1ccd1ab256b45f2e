"""Epochs: the keys that one direction is protected with for a time, and the record number within it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from harness.decode.tls.cipher import FirstFitOpener, Opener
from harness.decode.tls.keys import (
    DEFLATE,
    FINAL_DRAFT,
    build_tls13_opener,
    derive_key_block,
    update_secret,
)
from harness.decode.tls.message import TLS_1_3, ClientHello, ServerHello
from harness.decode.tls.suite import Suite, describe_suite, find_suite
from harness.trace.tls import Side

Stage = Literal["early", "handshake", "application", "tls12"]

# https://www.ietf.org/archive/id/draft-ietf-tls-keylogfile
_LABELS: Mapping[tuple[Side, Stage], str] = {
    ("client", "early"): "CLIENT_EARLY_TRAFFIC_SECRET",
    ("client", "handshake"): "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    ("server", "handshake"): "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    ("client", "application"): "CLIENT_TRAFFIC_SECRET_0",
    ("server", "application"): "SERVER_TRAFFIC_SECRET_0",
}

_NO_OTHERS: Mapping[str, tuple[bytes, ...]] = MappingProxyType({})

# Draft 18 was the first that browsers and servers used; those before derive their keys in other ways.
_FIRST_USABLE_DRAFT = 18


class MissingKeysError(ValueError):
    """The keys of an epoch cannot be had; the message is the reason for the reader."""


class Epoch:
    """One set of keys of one direction."""

    __slots__ = ("_draft", "_secret", "_suite", "opener", "seq", "stage")

    def __init__(
        self,
        stage: Stage,
        opener: Opener,
        suite: Suite,
        secret: bytes,
        *,
        draft: int = FINAL_DRAFT,
    ) -> None:
        """Start at record 0."""
        self.stage = stage
        self.opener = opener
        self.seq = 0
        """Number of the next record."""
        self._suite = suite
        self._secret = secret
        self._draft = draft

    def build_updated(self) -> Epoch:
        """RFC 8446 section 7.2: what follows a KeyUpdate."""
        draft = self._draft
        secret = update_secret(self._suite, self._secret, draft=draft)
        opener = build_tls13_opener(self._suite, secret, draft=draft)
        return Epoch(self.stage, opener, self._suite, secret, draft=draft)


def build_tls13_epoch(
    secrets: Mapping[str, bytes],
    hello: ServerHello,
    side: Side,
    stage: Stage,
    *,
    others: Mapping[str, tuple[bytes, ...]] = _NO_OTHERS,
) -> Epoch:
    """The keys of one direction and stage of TLS 1.3.

    Args:
        secrets: by label.
        hello: what the server chose.
        side: whose direction.
        stage: of the handshake.
        others: further secrets by label, of which one may be the right one.

    Raises:
        MissingKeysError: The secret, the suite or the version is not there.
    """
    draft = FINAL_DRAFT if hello.version == TLS_1_3 else hello.version & 0xFF
    if draft < _FIRST_USABLE_DRAFT:
        raise MissingKeysError(f"version 0x{hello.version:04x} is not supported")
    suite = _usable_suite(secrets, hello)
    label = _LABELS[side, stage]
    secret = secrets.get(label)
    if secret is None:
        raise MissingKeysError(f"no {label} for this client random")
    opener: Opener = build_tls13_opener(suite, secret, draft=draft)
    if further := others.get(label):
        more = (build_tls13_opener(suite, one, draft=draft) for one in further)
        opener = FirstFitOpener((opener, *more))
    return Epoch(stage, opener, suite, secret, draft=draft)


def build_tls12_epoch(
    secrets: Mapping[str, bytes], client: ClientHello, server: ServerHello, side: Side
) -> Epoch:
    """The keys of one direction of SSL 3.0, TLS 1.0, 1.1 or 1.2.

    Raises:
        MissingKeysError: The master secret, the suite or the version is not there.
    """
    if not 0x0300 <= server.version <= 0x0303:
        raise MissingKeysError(f"version 0x{server.version:04x} is not supported")
    suite = _usable_suite(secrets, server)
    if server.compression not in (0, DEFLATE):
        raise MissingKeysError(f"compression method {server.compression} is not supported")
    secret = secrets.get("CLIENT_RANDOM")
    if secret is None:
        raise MissingKeysError("no CLIENT_RANDOM secret for this client random")
    block = derive_key_block(
        suite,
        secret,
        client_random=client.random,
        server_random=server.random,
        version=server.version,
        encrypt_then_mac=server.encrypt_then_mac,
        compression=server.compression,
    )
    return Epoch("tls12", block.build_opener(side), suite, secret)


def _usable_suite(secrets: Mapping[str, bytes], hello: ServerHello) -> Suite:
    suite = find_suite(hello.cipher_suite)
    if suite is None or suite.is_tls13 != hello.is_tls13:
        raise MissingKeysError(f"suite {describe_suite(hello.cipher_suite)} is not supported")
    if not secrets:
        raise MissingKeysError("no secret for this client random")
    return suite
