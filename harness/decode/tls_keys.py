"""From the secrets of a key log to the openers of a direction: HKDF in TLS 1.3, the PRF before."""

from __future__ import annotations

import hashlib
import hmac

from harness.decode.tls_cipher import CbcOpener, Opener, StreamOpener, Tls12AeadOpener, Tls13Opener
from harness.decode.tls_suite import Suite
from harness.trace.tls import Side

TLS_1_2 = 0x0303


def expand_label(secret: bytes, label: bytes, size: int, hash_name: str) -> bytes:
    """RFC 8446 section 7.1: HKDF-Expand-Label with an empty context, `size` at most one hash block."""
    info = size.to_bytes(2, "big") + bytes((6 + len(label),)) + b"tls13 " + label + b"\0"
    # RFC 5869 section 2.3: T(1) = HMAC(secret, info | 0x01) is enough for one block.
    return hmac.digest(secret, info + b"\1", hash_name)[:size]


def build_tls13_opener(suite: Suite, secret: bytes) -> Opener:
    """RFC 8446 section 7.3: the traffic key and IV of one traffic secret."""
    key = expand_label(secret, b"key", suite.key_size, suite.hash)
    return Tls13Opener(suite, key, expand_label(secret, b"iv", 12, suite.hash))


def update_secret(suite: Suite, secret: bytes) -> bytes:
    """RFC 8446 section 7.2: the application traffic secret after a KeyUpdate."""
    return expand_label(secret, b"traffic upd", hashlib.new(suite.hash).digest_size, suite.hash)


def derive_prf(
    secret: bytes, label: bytes, seed: bytes, size: int, *, version: int, hash_name: str
) -> bytes:
    """RFC 5246 section 5; before TLS 1.2 RFC 2246 section 5: MD5 over one half xor SHA-1 over the other."""
    if version >= TLS_1_2:
        return _p_hash(secret, label + seed, size, hash_name)
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
) -> Opener:
    """RFC 5246 section 6.3: cut the key block and take what `side` writes with (TLS 1.0 to 1.2)."""
    mac_size = 0 if suite.mac is None else hashlib.new(suite.mac).digest_size
    iv_size = {
        "GCM": 4,
        "CCM": 4,
        "POLY1305": 12,
        "CBC": 8 if suite.cipher == "3DES_EDE" else 16,
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
    if suite.mode == "CBC":
        return CbcOpener(
            suite, key, iv, mac_key, version=version, encrypt_then_mac=encrypt_then_mac
        )
    if suite.mode == "STREAM":
        return StreamOpener(suite, key, mac_key)
    return Tls12AeadOpener(suite, key, iv)


def _p_hash(secret: bytes, seed: bytes, size: int, hash_name: str) -> bytes:
    output = b""
    block = seed
    while len(output) < size:
        block = hmac.digest(secret, block, hash_name)
        output += hmac.digest(secret, block + seed, hash_name)
    return output[:size]
