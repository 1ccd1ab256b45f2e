"""One operation of each kind through tlslite-ng's own entry points, counted: proof that acceleration is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tlslite.constants import CipherSuite, GroupName
from tlslite.keyexchange import ECDHKeyExchange
from tlslite.recordlayer import RecordLayer
from tlslite.utils.cryptomath import secureHash
from tlslite.utils.keyfactory import parsePEMKey

_TLS13 = (3, 4)
_SUITES = (
    CipherSuite.TLS_AES_128_GCM_SHA256,
    CipherSuite.TLS_AES_256_GCM_SHA384,
    CipherSuite.TLS_CHACHA20_POLY1305_SHA256,
)


def check_paths(calls: Callable[[], Mapping[str, int]]) -> None:
    """Run every operation, forwards and backwards and once with a flipped bit.

    Raises:
        RuntimeError: an operation went past the fast functions, or gave a wrong result.
    """
    before = calls()
    expected: dict[str, int] = {}
    for name, is_right in _operations():
        if not is_right:
            raise RuntimeError(f"acceleration gives a wrong result: {name}")
        for operation in name.split(": ")[0].split(", "):
            expected[operation] = expected.get(operation, 0) + 1
    after = calls()
    for operation, count in expected.items():
        counted = after.get(operation, 0) - before.get(operation, 0)
        if counted < count:
            raise RuntimeError(
                f"acceleration not in use: {operation} ran {counted} times; expected {count} or more"
            )


def _operations() -> Iterator[tuple[str, bool]]:
    for suite in _SUITES:
        key_bytes, _, create = RecordLayer._getCipherSettings(suite)
        cipher = create(bytearray(key_bytes), ["python"])
        sealed = cipher.seal(bytearray(12), bytearray(b"plain"), bytearray(b"header"))
        yield (
            f"seal, open: {cipher.name}",
            cipher.open(bytearray(12), sealed, bytearray(b"header")) == b"plain",
        )
        sealed[0] ^= 1
        yield (
            f"open: {cipher.name}, altered",
            cipher.open(bytearray(12), sealed, bytearray(b"header")) is None,
        )
    for group in (GroupName.x25519, GroupName.secp256r1, GroupName.secp384r1, GroupName.secp521r1):
        yield f"agree: {GroupName.toStr(group)}", _agrees(group)
    digest = secureHash(bytearray(b"message"), "sha256")
    p256 = _key(ec.generate_private_key(ec.SECP256R1()))
    yield from _signatures("ecdsa", p256.sign, p256.verify, digest, (None, "sha256", None))
    edwards = _key(ed25519.Ed25519PrivateKey.generate())
    yield from _signatures(
        "eddsa", edwards.hashAndSign, edwards.hashAndVerify, digest, (None, "intrinsic", None)
    )
    rsa_key = _key(
        rsa.generate_private_key(65537, 1024)
    )  # short, for speed: it signs two test messages
    yield from _signatures("rsa", rsa_key.sign, rsa_key.verify, digest, ("pss", "sha256", 32))
    yield from _signatures("rsa", rsa_key.sign, rsa_key.verify, digest, ("pkcs1", "sha256", 0))


def _agrees(group: int) -> bool:
    near, far = ECDHKeyExchange(group, _TLS13), ECDHKeyExchange(group, _TLS13)
    ours, theirs = near.get_random_private_key(), far.get_random_private_key()
    shared = near.calc_shared_key(ours, far.calc_public_value(theirs))
    return bool(shared == far.calc_shared_key(theirs, near.calc_public_value(ours)))


def _signatures(
    kind: str, sign: Any, verify: Any, digest: bytes, scheme: tuple[Any, ...]
) -> Iterator[tuple[str, bool]]:
    signature = sign(digest, *scheme)
    yield f"{kind} sign, {kind} verify: {scheme}", bool(verify(signature, digest, *scheme))
    altered = bytearray(digest)
    altered[0] ^= 1
    yield f"{kind} verify: {scheme}, altered", not verify(signature, altered, *scheme)


def _key(private: Any) -> Any:
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return parsePEMKey(pem.decode("ascii"), private=True, implementations=["python"])
