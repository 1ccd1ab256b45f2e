"""What an endpoint offers and accepts: versions, suites and groups, in tlslite-ng's words."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from tlslite.constants import ECPointFormat
from tlslite.handshakesettings import HandshakeSettings

from harness.site.tls_rule import EXCHANGES, TlsRule
from harness.world.tls.connection import TLS11, TLS12, TLS13
from harness.world.tls.hello_form import HelloForm
from harness.world.tls.resumption import LIFETIME_S

Version = Literal["1.1", "1.2", "1.3"]
"""1.1 is for those who attack, or err (F80)."""
Group = Literal["x25519", "secp256r1", "secp384r1", "secp521r1"]

GROUPS: tuple[Group, ...] = ("x25519", "secp256r1", "secp384r1", "secp521r1")
_CIPHERS = {
    "AES_128_GCM": "aes128gcm",
    "AES_256_GCM": "aes256gcm",
    "CHACHA20_POLY1305": "chacha20-poly1305",
}
"""IANA's words to tlslite-ng's."""
_CODES = {"1.1": TLS11, "1.2": TLS12, "1.3": TLS13}


class _Settings(HandshakeSettings):  # type: ignore[misc] # tlslite-ng is not typed
    """Settings that were found valid once: each handshake takes a copy, and does not look at them again."""

    forms: dict[tuple[Any, ...], HelloForm]
    """Of the hellos sent with these settings, for all copies together, by what else they depend on."""

    def validate(self) -> Any:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy


@lru_cache(maxsize=64)
def make_settings(
    version: Version,
    groups: tuple[Group, ...] = GROUPS,
    *,
    pads_hello: bool = True,
    is_lax: bool = False,
    rule: TlsRule | None = None,
) -> Any:
    """Make the settings of an endpoint, for tlslite-ng.

    Args:
        version: the newest.
        groups: for the key agreement, the best first.
        is_lax: also TLS 1.1 and its suites, below what anybody should take (RFC 8996).
        rule: what a server's site leaves of it; nothing of that counts for who is lax.
        pads_hello: whether tlslite-ng pads the ClientHello; who rewrites it does so afterwards.
    """
    settings = HandshakeSettings()
    newest = _CODES[version]
    is_old = is_lax or newest < TLS12
    settings.minVersion, settings.maxVersion = TLS11 if is_old else TLS12, newest
    oldest = (TLS11,) if is_old else ()
    settings.versions = [code for code in (TLS13, TLS12, *oldest) if code <= newest]
    settings.cipherNames = ["aes128gcm", "aes256gcm", "chacha20-poly1305"]
    if is_old:
        settings.cipherNames.append("aes128")
    settings.keyExchangeNames = ["ecdhe_ecdsa", "ecdhe_rsa"]
    if rule is not None and not is_lax:
        settings.minVersion, settings.maxVersion = _CODES[rule.oldest], _CODES[rule.newest]
        settings.versions = [
            code for code in settings.versions if settings.minVersion <= code <= settings.maxVersion
        ]
        settings.cipherNames = [_CIPHERS[cipher] for cipher in rule.ciphers]
        settings.keyExchangeNames = [one.lower() for one in rule.exchanges or EXCHANGES]
    settings.eccCurves, settings.keyShares = list(groups), [groups[0]]
    settings.ec_point_formats = [ECPointFormat.uncompressed]
    settings.dhGroups = []
    settings.dsaSigHashes = []
    settings.useEncryptThenMAC = False
    settings.use_heartbeat_extension = False
    settings.usePaddingExtension = pads_hello
    settings.record_size_limit = None
    # tlslite-ng 0.8.2 reads the peer's wish for compression out of its own hello; off, it cannot be wrong.
    settings.certificate_compression_send = settings.certificate_compression_receive = []
    settings.ticketKeys, settings.ticket_count = [], 0
    settings.ticketLifetime = LIFETIME_S
    valid = _Settings()
    valid.__dict__.update(settings.validate().__dict__, forms={})
    return valid


def with_tickets(settings: Any, key: bytes) -> Any:
    """The same settings of a server that gives out one ticket for each session, encrypted with this key."""
    copy = settings.validate()
    copy.ticketKeys, copy.ticket_count = [bytearray(key)], 1
    return copy
