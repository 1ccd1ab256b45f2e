"""Brief: a few facts of one connection. Tuples, since there are millions of them."""

from __future__ import annotations

from typing import NamedTuple


class BriefExchange(NamedTuple):
    """One request and its answer; what was not seen is None."""

    requested_ns: int | None
    """Time of the packet that completed the request."""
    method: bytes | None
    target: bytes | None
    answered_ns: int | None
    status: int | None


class BriefTls(NamedTuple):
    """One handshake; see TlsSession."""

    version: int | None
    cipher_suite: int | None
    sni: str | None
    subjects: tuple[str, ...]
    """Of the client's certificates, leaf first."""


class Brief(NamedTuple):
    """One connection; see Connection."""

    number: int
    tap: str
    client: str
    server: str
    opened_ns: int
    closed_ns: int
    closed: str
    client_packets: int
    client_bytes: int
    server_packets: int
    server_bytes: int
    tls: BriefTls | None
    """Only where handshakes are asked for."""
    exchanges: tuple[BriefExchange, ...]
    """Only where exchanges are asked for; those through a tunnel are among them."""
