"""An X.509 certificate as seen on the wire."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate of a chain; fields are empty where the DER could not be read (then `problem` says why)."""

    der: bytes
    sha256: str
    """Lower-case hex of the DER: the fingerprint."""
    subject: str = ""
    """RFC 4514 text."""
    issuer: str = ""
    serial_number: int = 0
    upns: tuple[str, ...] = ()
    """otherName 1.3.6.1.4.1.311.20.2.3 of the subject alternative names."""
    emails: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    not_before_ns: int = 0
    not_after_ns: int = 0
    purposes: tuple[str, ...] | None = None
    """Object identifiers of the extended key usage; None: the extension is not there."""
    policies: tuple[str, ...] = ()
    """Object identifiers of the certificate policies."""
    is_authority: bool = False
    """Basic constraints say that it may issue certificates."""
    key_id: str = ""
    """Subject key identifier, hex; "" where there is none."""
    issuer_key_id: str = ""
    """Authority key identifier, hex; "" where there is none."""
    problem: str | None = None
