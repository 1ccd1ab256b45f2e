"""The arithmetic of TLS 1.3's key schedule and of the transcript, one call of OpenSSL for each step.

Stands in for functions of the same shape in tlslite-ng's `cryptomath` and `handshakehashes`, which build an HMAC
object for each step and hash every handshake message with six algorithms, of which a session uses one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, Protocol

Octets = bytes | bytearray
"""tlslite-ng uses both."""

_DIGEST_BYTES = {name: hashlib.new(name).digest_size for name in ("sha256", "sha384", "sha512")}
_HASHES: Mapping[str, tuple[Callable[[Octets], Any], bytes]] = {
    name: (make, bytes(make().block_size))
    for name, make in (
        ("sha256", hashlib.sha256),
        ("sha384", hashlib.sha384),
        ("sha512", hashlib.sha512),
    )
}
"""The constructor of each, and one block of zeros."""
_INNER_PAD, _OUTER_PAD = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


class Digestible(Protocol):
    """A transcript."""

    def digest(self, digest: str | None = None) -> Octets:
        """The hash of everything so far."""
        ...


def compute_hmac(key: Octets, data: Octets, algorithm: str) -> bytearray:
    """HMAC (RFC 2104 section 2); with the salt as key, HKDF-Extract (RFC 5869 section 2.2)."""
    return bytearray(_authenticate(key, data, algorithm))


def _authenticate(key: Octets, data: Octets, algorithm: str) -> bytes:
    # As hmac.digest does, but for what OpenSSL looks up anew each time; that takes longer than the hashes do.
    make, room = _HASHES.get(algorithm, (None, b""))
    if make is None or len(key) > len(room):
        return hmac.digest(key, data, algorithm)
    padded = key + room[len(key) :]
    within = make(padded.translate(_INNER_PAD) + data).digest()
    outcome: bytes = make(padded.translate(_OUTER_PAD) + within).digest()
    return outcome


def expand_label(
    secret: Octets, label: Octets, context: Octets, length: int, algorithm: str
) -> bytearray:
    """HKDF-Expand-Label (RFC 8446 section 7.1)."""
    info = _start_info(bytes(label), length, len(context)) + context
    if length <= _DIGEST_BYTES[algorithm]:
        return bytearray(_authenticate(secret, info + b"\x01", algorithm)[:length])
    key = bytearray()
    block = b""
    counter = 1
    while len(key) < length:
        block = _authenticate(secret, block + info + bytes((counter,)), algorithm)
        key += block
        counter += 1
    return key[:length]


@lru_cache(maxsize=256)
def _start_info(label: bytes, length: int, context_length: int) -> bytes:
    return b"".join(
        (
            length.to_bytes(2, "big"),
            bytes((6 + len(label),)),
            b"tls13 ",
            label,
            bytes((context_length,)),
        )
    )


def derive_secret(
    secret: Octets, label: Octets, transcript: Digestible | None, algorithm: str
) -> bytearray:
    """Derive-Secret (RFC 8446 section 7.1); without a transcript, that of no message at all."""
    context = _hash_nothing(algorithm) if transcript is None else transcript.digest(algorithm)
    return expand_label(secret, label, context, _DIGEST_BYTES[algorithm], algorithm)


@cache
def _hash_nothing(algorithm: str) -> bytes:
    return hashlib.new(algorithm).digest()


class Transcript:
    """The handshake messages so far, hashed only with what is asked for, and each byte once for each algorithm.

    Its methods are put into tlslite-ng's `HandshakeHashes`; they look at nothing else of that class.
    """

    _handshake_buffer: bytearray
    _running: dict[str, tuple[Any, int]]
    """By algorithm: a hash object, and how many bytes it has taken."""

    def __init__(self) -> None:
        """Start empty."""
        self._handshake_buffer = bytearray()
        self._running = {}

    def update(self, data: Octets) -> None:
        """Add a message."""
        self._handshake_buffer += data

    def digest(self, digest: str | None = None) -> Octets:
        """The hash of all messages so far; "intrinsic" gives the messages themselves (RFC 8422 section 5.10).

        Raises:
            ValueError: no such algorithm.
        """
        buffer = self._handshake_buffer
        if digest is None:
            # TLS 1.1 and older.
            return hashlib.md5(buffer).digest() + hashlib.sha1(buffer).digest()
        if digest == "intrinsic":
            return buffer
        running, taken = self._running.get(digest) or (hashlib.new(digest), 0)
        if taken < len(buffer):
            running.update(memoryview(buffer)[taken:])
        self._running[digest] = running, len(buffer)
        result: bytes = running.digest()
        return result

    def copy(self) -> Any:
        """The same state, growing on its own from here."""
        other = type(self)()
        other._handshake_buffer += self._handshake_buffer
        other._running = {
            name: (running.copy(), taken) for name, (running, taken) in self._running.items()
        }
        return other
