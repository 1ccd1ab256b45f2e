"""Offers: what tlslite-ng finds valid, made once, and never changed by a handshake."""

from __future__ import annotations

from typing import Any

import pytest

from harness.site.tls_rule import TlsRule
from harness.world.tls.offer import GROUPS, make_settings


@pytest.mark.parametrize(("version", "versions"), [("1.2", [(3, 3)]), ("1.3", [(3, 4), (3, 3)])])
def test_versions(version: Any, versions: list[tuple[int, int]]) -> None:
    """The oldest is 1.2, and the newest is tried first."""
    settings = make_settings(version)

    assert settings.versions == versions
    assert (settings.minVersion, settings.maxVersion) == ((3, 3), versions[0])


def test_old_versions() -> None:
    """F80: who is lax takes TLS 1.1 as well, and an attacker offers nothing else."""
    assert make_settings("1.3", is_lax=True).versions == [(3, 4), (3, 3), (3, 2)]
    assert make_settings("1.1").versions == [(3, 2)]
    assert "aes128" in make_settings("1.1").cipherNames


def test_a_rule() -> None:
    """Nothing is taken beyond it, but by those who are lax (F80)."""
    rule = TlsRule(oldest="1.3", ciphers=("AES_256_GCM",), exchanges=("ECDHE_RSA",))
    settings = make_settings("1.3", rule=rule)

    assert (settings.minVersion, settings.maxVersion, settings.versions) == (
        *((3, 4), (3, 4)),
        [(3, 4)],
    )
    assert (settings.cipherNames, settings.keyExchangeNames) == (["aes256gcm"], ["ecdhe_rsa"])
    assert make_settings("1.3", rule=rule, is_lax=True).versions == [(3, 4), (3, 3), (3, 2)]


def test_groups() -> None:
    """The first is the one that a key share is made for."""
    assert make_settings("1.3").eccCurves == list(GROUPS)
    settings = make_settings("1.3", ("secp384r1", "x25519"))
    assert (settings.eccCurves, settings.keyShares) == (["secp384r1", "x25519"], ["secp384r1"])


def test_padding() -> None:
    """Who rewrites the ClientHello pads it afterwards."""
    assert make_settings("1.3").usePaddingExtension
    assert not make_settings("1.3", pads_hello=False).usePaddingExtension


def test_nothing_is_offered_that_the_harness_does_not_do() -> None:
    """No tickets, no compression of certificates, no limit of records, nothing older than AEAD."""
    settings = make_settings("1.3")

    assert (settings.ticketKeys, settings.ticket_count) == ([], 0)
    assert settings.certificate_compression_send == []
    assert settings.certificate_compression_receive == []
    assert settings.record_size_limit is None
    assert settings.cipherNames == ["aes128gcm", "aes256gcm", "chacha20-poly1305"]


def test_a_handshake_has_a_copy() -> None:
    """tlslite-ng validates at the start of each handshake, and sets fields of what it gets back."""
    settings = make_settings("1.3")
    copy = settings.validate()
    copy.ecdsaSigHashes = []

    assert settings.ecdsaSigHashes != []
    assert settings is make_settings("1.3")
    assert vars(settings.validate()) == vars(settings)
