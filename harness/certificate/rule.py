"""The rules for a server certificate's files, each named by how it is broken; the flaw: one rule broken in one place.

Rows B04 to B08. What the import page refuses is refused here; a warning is imported, and may go wrong on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """One rule; `harness certificate check` prints these names."""

    # The text of a PEM file (RFC 7468).
    BINARY = "binary"
    BEGIN_MISSING = "begin-missing"
    END_MISSING = "end-missing"
    BAD_TAG = "bad-tag"
    BAD_BASE64 = "bad-base64"
    WRONG_CONTENT = "wrong-content"
    NO_CERTIFICATE = "no-certificate"
    BAD_CERTIFICATE = "bad-certificate"
    TEXT_OUTSIDE = "text-outside"
    # The chain.
    WRONG_ORDER = "wrong-order"
    MISSING_INTERMEDIATE = "missing-intermediate"
    DUPLICATE = "duplicate"
    STRANGER = "stranger"
    NO_LEAF = "no-leaf"
    BAD_SIGNATURE = "bad-signature"
    NOT_AN_AUTHORITY = "not-an-authority"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRES_SOON = "expires-soon"
    SELF_SIGNED = "self-signed"
    UNKNOWN_ROOT = "unknown-root"
    WEAK = "weak"
    NOT_FOR_SERVERS = "not-for-servers"
    # The private key.
    NO_KEY = "no-key"
    SEVERAL_KEYS = "several-keys"
    KEY_IN_CHAIN = "key-in-chain"
    PKCS8_KEY = "pkcs8-key"
    ENCRYPTED_KEY = "encrypted-key"
    NOT_RSA = "not-rsa"
    BAD_KEY = "bad-key"
    FOREIGN_KEY = "foreign-key"
    # PFX (PKCS#12, RFC 7292).
    NOT_PFX = "not-pfx"
    NO_PASSWORD = "no-password"
    WRONG_PASSWORD = "wrong-password"
    # The names.
    COMMON_NAME = "common-name"
    NAME_MISSING = "name-missing"
    NO_NAMES = "no-names"


WARNINGS = frozenset(
    {
        Rule.TEXT_OUTSIDE,
        Rule.EXPIRES_SOON,
        Rule.SELF_SIGNED,
        Rule.UNKNOWN_ROOT,
        Rule.WEAK,
        Rule.NOT_FOR_SERVERS,
        Rule.COMMON_NAME,
        Rule.NAME_MISSING,
        Rule.NO_NAMES,
    }
)
"""Imported all the same: the page cannot know the site's names, nor whom its devices trust."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One rule broken in one place."""

    rule: Rule
    place: str
    """`chain.pem:31` (1-based line), or the file's name alone."""
    found: str
    expected: str
    """What would be right, and how to get there; for a warning, what will happen on the wire."""

    @property
    def is_refused(self) -> bool:
        """Whether the import page refuses the files for it."""
        return self.rule not in WARNINGS

    def __str__(self) -> str:
        """`chain.pem:31: wrong-order: got ...; expected ...`."""
        kind = "" if self.is_refused else "warning: "
        return f"{self.place}: {kind}{self.rule}: got {self.found}; expected {self.expected}"
