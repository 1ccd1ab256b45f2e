"""From the secrets of a key log to the openers of a direction: HKDF in TLS 1.3, the PRF before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from harness.decode.tls.cipher import (
    SSL_3_0,
    CbcOpener,
    InflateOpener,
    Opener,
    StreamOpener,
    Tls12AeadOpener,
    Tls13Opener,
)
from harness.decode.tls.suite import Suite
from harness.trace.tls import Side

TLS_1_2 = 0x0303


DEFLATE = 1
"""RFC 3749: the compression method."""
FINAL_DRAFT = 28
"""Draft number that stands for TLS 1.3 itself."""


class Hmac:
    """RFC 2104 with one key for several messages: the hashes of both paddings are worked out once."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes, hash_name: str) -> None:
        """Take the key."""
        begin, size = _HASHES[hash_name]
        if len(key) > size:
            key = begin(key).digest()
        self._inner = begin(key.translate(_IPAD).ljust(size, b"\x36"))
        self._outer = begin(key.translate(_OPAD).ljust(size, b"\x5c"))

    def digest(self, message: bytes) -> bytes:
        """The code of one message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def digest_last(self, message: bytes) -> bytes:
        """The same, and the key is used up."""
        inner, outer = self._inner, self._outer
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


_HASHES: dict[str, tuple[Callable[[bytes], hashlib._Hash], int]] = {
    "md5": (hashlib.md5, 64),
    "sha1": (hashlib.sha1, 64),
    "sha256": (hashlib.sha256, 64),
    "sha384": (hashlib.sha384, 128),
}
"""And the size of a block in bytes."""
_IPAD = bytes(byte ^ 0x36 for byte in range(256))
_OPAD = bytes(byte ^ 0x5C for byte in range(256))


def expand_label(
    secret: bytes, label: bytes, size: int, hash_name: str, *, draft: int = FINAL_DRAFT
) -> bytes:
    """RFC 8446 section 7.1: HKDF-Expand-Label with an empty context, `size` at most one hash block."""
    # RFC 5869 section 2.3: T(1) = HMAC(secret, info | 0x01) is enough for one block.
    return Hmac(secret, hash_name).digest(_build_info(label, size, draft))[:size]


@cache  # a handful of labels, sizes and drafts
def _build_info(label: bytes, size: int, draft: int) -> bytes:
    # Draft 20 of TLS 1.3 made the prefix shorter, so that all fits into one block.
    label = (b"tls13 " if draft >= 20 else b"TLS 1.3, ") + label
    return size.to_bytes(2, "big") + bytes((len(label),)) + label + b"\0\1"


def build_tls13_opener(suite: Suite, secret: bytes, *, draft: int = FINAL_DRAFT) -> Tls13Opener:
    """RFC 8446 section 7.3: the traffic key and IV of one traffic secret."""
    size = suite.key_size
    expand = Hmac(secret, suite.hash)
    key = expand.digest(_build_info(b"key", size, draft))
    iv = expand.digest_last(_build_info(b"iv", 12, draft))
    # Draft 25 of TLS 1.3 was the first to authenticate the header.
    return Tls13Opener(suite, key[:size], iv[:12], covers_header=draft >= 25)


def update_secret(suite: Suite, secret: bytes, *, draft: int = FINAL_DRAFT) -> bytes:
    """RFC 8446 section 7.2: the application traffic secret after a KeyUpdate."""
    label = b"traffic upd" if draft >= 20 else b"application traffic secret"
    size = hashlib.new(suite.hash).digest_size
    return expand_label(secret, label, size, suite.hash, draft=draft)


def derive_prf(
    secret: bytes, label: bytes, seed: bytes, size: int, *, version: int, hash_name: str
) -> bytes:
    """RFC 5246 section 5; before TLS 1.2 RFC 2246 section 5: MD5 over one half xor SHA-1 over the other.

    SSL 3.0 knows no labels (RFC 6101 section 6.2.2).
    """
    if version >= TLS_1_2:
        return _p_hash(secret, label + seed, size, hash_name)
    if version == SSL_3_0:
        return _expand_ssl3(secret, seed, size)
    half = (len(secret) + 1) // 2
    left = _p_hash(secret[:half], label + seed, size, "md5")
    right = _p_hash(secret[-half:], label + seed, size, "sha1")
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


@dataclass(slots=True, kw_only=True)
class KeyBlock:
    """RFC 5246 section 6.3: what both directions of SSL 3.0 to TLS 1.2 are protected with."""

    suite: Suite
    version: int
    encrypt_then_mac: bool
    compression: int
    client: tuple[bytes, bytes, bytes]
    """MAC key, key and IV that the client writes with."""
    server: tuple[bytes, bytes, bytes]

    def build_opener(self, side: Side) -> Opener:
        """What opens the records of one side."""
        mac_key, key, iv = self.client if side == "client" else self.server
        suite = self.suite
        opener: Opener
        if suite.mode == "CBC":
            opener = CbcOpener(
                suite,
                key,
                iv,
                mac_key,
                version=self.version,
                encrypt_then_mac=self.encrypt_then_mac,
            )
        elif suite.mode == "STREAM":
            opener = StreamOpener(suite, key, mac_key, version=self.version)
        else:
            opener = Tls12AeadOpener(suite, key, iv)
        return InflateOpener(opener) if self.compression == DEFLATE else opener


def derive_key_block(
    suite: Suite,
    master_secret: bytes,
    *,
    client_random: bytes,
    server_random: bytes,
    version: int,
    encrypt_then_mac: bool,
    compression: int = 0,
) -> KeyBlock:
    """RFC 5246 section 6.3: cut the key block (SSL 3.0 to TLS 1.2)."""
    mac, key, iv = suite.mac_size, suite.key_size, suite.iv_size
    # Of each the client's, then the server's.
    keys, ivs = 2 * mac, 2 * (mac + key)
    block = derive_prf(
        master_secret,
        b"key expansion",
        server_random + client_random,
        ivs + 2 * iv,
        version=version,
        hash_name=suite.hash,
    )
    return KeyBlock(
        suite=suite,
        version=version,
        encrypt_then_mac=encrypt_then_mac,
        compression=compression,
        client=(block[:mac], block[keys : keys + key], block[ivs : ivs + iv]),
        server=(block[mac:keys], block[keys + key : ivs], block[ivs + iv :]),
    )


def _expand_ssl3(secret: bytes, seed: bytes, size: int) -> bytes:
    """RFC 6101 section 6.2.2: MD5 of the secret and SHA-1 of `A`, `BB`, `CCC`, ... with secret and randoms."""
    output = b""
    count = 1
    while len(output) < size:
        salt = bytes((0x40 + count,)) * count
        inside = hashlib.sha1(salt + secret + seed, usedforsecurity=False).digest()
        output += hashlib.md5(secret + inside, usedforsecurity=False).digest()
        count += 1
    return output[:size]


def _p_hash(secret: bytes, seed: bytes, size: int, hash_name: str) -> bytes:
    keyed = Hmac(secret, hash_name)
    output = b""
    block = seed
    while len(output) < size:
        block = keyed.digest(block)
        output += keyed.digest(block + seed)
    return output[:size]
