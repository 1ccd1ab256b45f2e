"""What one end of a TLS connection brings along, and what it demands of the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from harness.net.address import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate chain and its key."""

    chain_pem: tuple[str, ...]
    """Leaf first; the root need not be there."""
    key_pem: str = field(repr=False)
    """PKCS#8 or SEC1, unencrypted; made for this run alone."""


Verify = Callable[[tuple[bytes, ...]], None]
"""Takes the peer's chain (DER, leaf first, never empty); raises `VerificationError` when it does not hold."""


class VerificationError(Exception):
    """A certificate chain that does not hold; the text says why, `alert` is the TLS alert to send."""

    def __init__(self, message: str, *, alert: int = 46) -> None:
        """Keep the alert: 42 bad_certificate, 45 certificate_expired, 46 certificate_unknown, 48 unknown_ca."""
        super().__init__(message)
        self.alert = alert


class KeyTap(Protocol):
    """Receives every secret as soon as an endpoint knows it."""

    def secret(
        self, *, local: Endpoint, peer: Endpoint, client_random: bytes, label: str, secret: bytes
    ) -> None:
        """One NSS key log line of the connection with these ends (of the carrier, for TLS in a tunnel)."""
        ...
