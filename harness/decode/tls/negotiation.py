"""What the hellos of a connection agreed on: which ones belong together, the version, the fate of early data, the keys.

A connection has several pairs of hellos: HelloRetryRequest (RFC 8446 section 4.1.4) and renegotiation (RFC 5246).
"""

from __future__ import annotations

from harness.capture.keylog import Secrets
from harness.decode.tls.epoch import (
    Epoch,
    MissingKeysError,
    Stage,
    build_tls12_epoch,
    build_tls13_epoch,
)
from harness.decode.tls.message import ClientHello, MessageError, ServerHello
from harness.trace.tls import Side

HELLO_LIMIT = 64
"""Pairs of hellos that are followed on one connection."""


class Negotiation:
    """Pairs the hellos and derives keys from them."""

    __slots__ = ("client_hellos", "early_data_accepted", "secrets", "server_hellos")

    def __init__(self, secrets: Secrets) -> None:
        """Start without hellos."""
        self.secrets = secrets
        self.client_hellos: list[ClientHello] = []
        self.server_hellos: list[ServerHello] = []
        self.early_data_accepted: bool | None = None
        """None: not decided yet."""

    @property
    def is_tls13(self) -> bool:
        """The server chose TLS 1.3."""
        return bool(self.server_hellos) and self.server_hellos[-1].is_tls13

    @property
    def is_answered(self) -> bool:
        """Every ClientHello has a ServerHello."""
        return len(self.server_hellos) >= len(self.client_hellos)

    @property
    def is_retry_pending(self) -> bool:
        """The last thing said is a HelloRetryRequest."""
        return self.is_answered and bool(self.server_hellos) and self.server_hellos[-1].is_retry

    @property
    def offers_early_data(self) -> bool:
        """The first ClientHello has the early_data extension (the second one must not)."""
        return bool(self.client_hellos) and self.client_hellos[0].offers_early_data

    def add_client_hello(self, hello: ClientHello) -> None:
        """Take a ClientHello.

        Raises:
            MessageError: It is not the time for one.
        """
        if len(self.client_hellos) > len(self.server_hellos):
            raise MessageError("ClientHello before the previous one was answered")
        if self.is_tls13 and not self.is_retry_pending:
            # RFC 8446 section 4.1.2: no renegotiation.
            raise MessageError("ClientHello after TLS 1.3 was negotiated")
        if len(self.client_hellos) >= HELLO_LIMIT:
            raise MessageError(f"more than {HELLO_LIMIT} handshakes on one connection")
        self.client_hellos.append(hello)

    def add_server_hello(self, hello: ServerHello) -> None:
        """Take a ServerHello or HelloRetryRequest.

        Raises:
            MessageError: It is not the time for one.
        """
        if self.is_tls13 and not self.server_hellos[-1].is_retry:
            raise MessageError("ServerHello after TLS 1.3 was negotiated")
        if len(self.server_hellos) >= HELLO_LIMIT:
            raise MessageError(f"more than {HELLO_LIMIT} handshakes on one connection")
        self.server_hellos.append(hello)
        # RFC 8446 section 4.2.10: only the first flight with a PSK can carry early data that is accepted.
        if hello.is_tls13 and (
            len(self.server_hellos) > 1 or hello.is_retry or not hello.selects_psk
        ):
            self.early_data_accepted = False

    def build_epoch(self, side: Side, stage: Stage) -> Epoch:
        """The keys of a direction at a stage, by the last pair of hellos.

        Raises:
            MissingKeysError: They cannot be had; says why.
        """
        if not self.server_hellos:
            raise MissingKeysError("no ServerHello was seen")
        server = self.server_hellos[-1]
        if len(self.client_hellos) < len(self.server_hellos):
            raise MissingKeysError("no ClientHello was seen")
        client = self.client_hellos[len(self.server_hellos) - 1]
        secrets = self.secrets.find(client.random)
        if server.is_tls13:
            others = self.secrets.find_others(client.random)
            return build_tls13_epoch(secrets, server, side, stage, others=others)
        return build_tls12_epoch(secrets, client, server, side)

    def find_epoch(self, side: Side, stage: Stage) -> Epoch | None:
        """The same, or None where they cannot be had."""
        try:
            return self.build_epoch(side, stage)
        except MissingKeysError:
            return None
