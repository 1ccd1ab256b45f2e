"""Revocation as seen on the wire: what was asked about a certificate, and what was told (RFC 6960, RFC 5280)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["good", "revoked", "unknown"]
Signature = Literal["right", "wrong", "unchecked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusQuery:
    """An OCSP request for one certificate."""

    serial_number: int
    nonce: bytes | None
    """What the answer must repeat; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAnswer:
    """An OCSP response for one certificate, or a CRL for all of its issuer."""

    protocol: Literal["ocsp", "crl"]
    problem: str | None = None
    """Why it says nothing: it cannot be read, or the responder refused (`try_later`); the rest is empty then."""
    serial_number: int | None = None
    """Of the certificate that OCSP tells about."""
    status: Status | None = None
    """What OCSP tells about it."""
    revoked: frozenset[int] = frozenset()
    """Serial numbers in a CRL."""
    nonce: bytes | None = None
    this_update_ns: int = 0
    """Since when it holds."""
    next_update_ns: int | None = None
    """Until when; None: it does not say."""
    signature: Signature = "unchecked"
    """Whether an authority of the site's users signed it; `unchecked`: which those are is not known."""

    def holds(self, time_ns: int) -> bool:
        """Whether it says something at that time."""
        is_over = self.next_update_ns is not None and self.next_update_ns < time_ns
        return self.problem is None and self.this_update_ns <= time_ns and not is_over

    def tell(self, serial_number: int) -> Status | None:
        """What it says about a certificate; None: nothing."""
        if self.problem is not None:
            return None
        if self.protocol == "crl":
            return "revoked" if serial_number in self.revoked else "good"
        return self.status if self.serial_number == serial_number else None
