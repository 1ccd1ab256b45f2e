"""Acceleration: in use on every path, right, and loud when it is not."""

from __future__ import annotations

from typing import Any

import pytest
import tlslite
from tlslite import keyexchange, recordlayer
from tlslite.utils import cipherfactory, python_aesgcm
from tlslite.utils.python_chacha20_poly1305 import new as slow_chacha20

from harness.world.tls import acceleration
from tests.world.handshake import client_settings, server_settings, shake


@pytest.fixture(autouse=True)
def installed() -> None:
    """Install it, as every endpoint does."""
    acceleration.install()


def test_live() -> None:
    """All paths are in use; installing again changes nothing."""
    acceleration.install()
    acceleration.check_live()


def test_lost_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that goes to the slow function again is named."""
    monkeypatch.setattr(recordlayer, "createCHACHA20", slow_chacha20)

    with pytest.raises(
        RuntimeError, match=r"not accelerated: tlslite\.recordlayer\.createCHACHA20;"
    ):
        acceleration.check_live()


def test_restored() -> None:
    """Installing again brings a lost path back."""
    recordlayer.createAESGCM = python_aesgcm.new
    acceleration.install()
    acceleration.check_live()


def test_other_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Private names are patched in the one version that they were read in."""
    monkeypatch.setattr(tlslite, "__version__", "0.9.0")

    with pytest.raises(RuntimeError, match=r"tlslite-ng 0.9.0 is installed.*tlslite-ng==0.8.2"):
        acceleration.install()


@pytest.mark.asyncio
@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_handshake_uses_it(version: Any) -> None:
    """A mutual handshake agrees, signs and seals with it, and each end verifies the other's signature."""
    before = acceleration.calls()
    pair = await shake(client_settings(version=version), server_settings())
    implementation = pair.client._connection.getCipherImplementation()
    done = {name: count - before.get(name, 0) for name, count in acceleration.calls().items()}
    await pair.close()

    assert implementation == acceleration.IMPLEMENTATION
    assert (done["agree"], done["ecdsa sign"], done["ecdsa verify"]) == (2, 2, 2)
    assert done["seal"] == done["open"] > 0


@pytest.mark.parametrize(
    ("create", "slow", "key_size"),
    [
        pytest.param("createAESGCM", python_aesgcm.new, 16, id="aes-128-gcm"),
        pytest.param("createAESGCM", python_aesgcm.new, 32, id="aes-256-gcm"),
        pytest.param("createCHACHA20", slow_chacha20, 32, id="chacha20-poly1305"),
    ],
)
def test_same_as_the_slow_one(create: str, slow: Any, key_size: int) -> None:
    """Each AEAD gives what tlslite-ng's own gives, under the name its record layer asks for."""
    key, nonce = bytearray(range(key_size)), bytearray(12)
    fast, plain = getattr(cipherfactory, create)(key), slow(key)
    sealed = plain.seal(nonce, bytearray(b"text"), bytearray(b"header"))

    assert fast.seal(nonce, bytearray(b"text"), bytearray(b"header")) == sealed
    assert fast.open(nonce, sealed, bytearray(b"header")) == b"text"
    assert fast.open(nonce, sealed, bytearray(b"Header")) is None
    assert (fast.name, fast.isAEAD, fast.tagLength) == (plain.name, True, 16)


@pytest.mark.parametrize("group", [29, 23, 24, 25])
@pytest.mark.parametrize("share", [b"", bytes(32), b"\x04" + bytes(64), b"\x04" + bytes(96)])
def test_bad_share(group: int, share: bytes) -> None:
    """A key share that is no point, or the zero point, is an illegal parameter of the peer."""
    exchange = keyexchange.ECDHKeyExchange(group, (3, 4))
    private = exchange.get_random_private_key()

    with pytest.raises(tlslite.errors.TLSIllegalParameterException, match="invalid key share"):
        exchange.calc_shared_key(private, share)
