"""What each end of a TLS connection offers, shows and demands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.site.tls_rule import TlsRule
from harness.world.tls.identity import Identity, Verify
from harness.world.tls.offer import GROUPS, Group, Version
from harness.world.tls.resumption import SavedSession, SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """What a client offers and demands."""

    server_name: str
    """Sent as SNI unless it is empty or an address (RFC 6066 section 3)."""
    version: Version = "1.3"
    """The newest offered."""
    identity: Identity | None = None
    """Sent when the server asks; None sends an empty certificate message."""
    verify: Verify | None = None
    """Judges the server's chain; None accepts any (attackers)."""
    alpn: tuple[str, ...] = ("http/1.1",)
    android: int | None = None
    """Release whose ClientHello is imitated (7 to 13); None keeps tlslite-ng's."""
    session: SavedSession | None = None
    """Offered to be resumed; the server may want a full handshake all the same."""
    early_data: bytes = b""
    """Sent before the handshake is over, where `session` is one of TLS 1.3; `write` knows what arrived so."""
    later_identity: Identity | None = None
    """Shown on the same connection after `identity`: by renegotiation (TLS 1.2), or when asked again (TLS 1.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a server shows and demands."""

    identity: Identity
    version: Version = "1.3"
    """The newest accepted; the oldest is 1.2."""
    rule: TlsRule | None = None
    """What its site leaves of the versions and suites; None: all of them."""
    is_lax: bool = False
    """TLS 1.1 is accepted, too; no server should (RFC 8996)."""
    client_certificate: Literal["none", "optional", "required"] = "none"
    verify: Verify | None = None
    """Judges the client's chain; None accepts any."""
    authorities: tuple[bytes, ...] = ()
    """Names (DER) of those whose client certificates are asked for; (): anybody's."""
    alpn: tuple[str, ...] = ("http/1.1",)
    groups: tuple[Group, ...] = GROUPS
    """Accepted for the key agreement; a TLS 1.3 client that guessed another one is asked again."""
    store: SessionStore | None = None
    """The sessions that may be resumed; None: none are."""
    takes_early_data: bool = False
    """Acts on what a client sends before the handshake is over; no server should."""
    asks_again: tuple[Version, ...] = ()
    """Versions in which it takes another certificate later (1.2) or asks for one (1.3); no server should."""
