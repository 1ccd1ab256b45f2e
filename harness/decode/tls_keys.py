"""From the secrets of a key log to the openers of a direction: HKDF in TLS 1.3, the PRF before."""

from __future__ import annotations

import hashlib
import hmac

from harness.decode.tls_cipher import (
    SSL_3_0,
    CbcOpener,
    InflateOpener,
    Opener,
    StreamOpener,
    Tls12AeadOpener,
    Tls13Opener,
)
from harness.decode.tls_suite import Suite
from harness.trace.tls import Side

TLS_1_2 = 0x0303


DEFLATE = 1
"""RFC 3749: the compression method."""
FINAL_DRAFT = 28
"""Draft number that stands for TLS 1.3 itself."""


def expand_label(
    secret: bytes, label: bytes, size: int, hash_name: str, *, draft: int = FINAL_DRAFT
) -> bytes:
    """RFC 8446 section 7.1: HKDF-Expand-Label with an empty context, `size` at most one hash block."""
    # Draft 20 of TLS 1.3 made the prefix shorter, so that all fits into one block.
    label = (b"tls13 " if draft >= 20 else b"TLS 1.3, ") + label
    info = size.to_bytes(2, "big") + bytes((len(label),)) + label + b"\0"
    # RFC 5869 section 2.3: T(1) = HMAC(secret, info | 0x01) is enough for one block.
    return hmac.digest(secret, info + b"\1", hash_name)[:size]


def build_tls13_opener(suite: Suite, secret: bytes, *, draft: int = FINAL_DRAFT) -> Opener:
    """RFC 8446 section 7.3: the traffic key and IV of one traffic secret."""
    key = expand_label(secret, b"key", suite.key_size, suite.hash, draft=draft)
    iv = expand_label(secret, b"iv", 12, suite.hash, draft=draft)
    # Draft 25 of TLS 1.3 was the first to authenticate the header.
    return Tls13Opener(suite, key, iv, covers_header=draft >= 25)


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


def build_tls12_opener(
    suite: Suite,
    master_secret: bytes,
    *,
    client_random: bytes,
    server_random: bytes,
    side: Side,
    version: int,
    encrypt_then_mac: bool,
    compression: int = 0,
) -> Opener:
    """RFC 5246 section 6.3: cut the key block and take what `side` writes with (SSL 3.0 to TLS 1.2)."""
    mac_size = 0 if suite.mac is None else hashlib.new(suite.mac).digest_size
    iv_size = {
        "GCM": 4,
        "CCM": 4,
        "POLY1305": 12,
        "CBC": suite.block_size,
    }.get(suite.mode, 0)
    sizes = (mac_size, mac_size, suite.key_size, suite.key_size, iv_size, iv_size)
    block = derive_prf(
        master_secret,
        b"key expansion",
        server_random + client_random,
        sum(sizes),
        version=version,
        hash_name=suite.hash,
    )
    pieces = []
    offset = 0
    for size in sizes:
        pieces.append(block[offset : offset + size])
        offset += size
    mac_key, key, iv = pieces[0::2] if side == "client" else pieces[1::2]
    opener: Opener
    if suite.mode == "CBC":
        opener = CbcOpener(
            suite, key, iv, mac_key, version=version, encrypt_then_mac=encrypt_then_mac
        )
    elif suite.mode == "STREAM":
        opener = StreamOpener(suite, key, mac_key, version=version)
    else:
        opener = Tls12AeadOpener(suite, key, iv)
    return InflateOpener(opener) if compression == DEFLATE else opener


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
    output = b""
    block = seed
    while len(output) < size:
        block = hmac.digest(secret, block, hash_name)
        output += hmac.digest(secret, block + seed, hash_name)
    return output[:size]
