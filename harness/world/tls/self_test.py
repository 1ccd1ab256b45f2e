"""One operation of each kind through tlslite-ng's own entry points, counted: proof that acceleration is in use.

It runs in every world process, so it makes no key that takes time: the RSA key is a prepared one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tlslite import tlsconnection
from tlslite.constants import CipherSuite, GroupName
from tlslite.handshakehashes import HandshakeHashes
from tlslite.keyexchange import ECDHKeyExchange
from tlslite.recordlayer import RecordLayer
from tlslite.utils.cryptomath import secureHash
from tlslite.utils.python_eddsakey import Python_EdDSAKey
from tlslite.utils.python_rsakey import Python_RSAKey
from tlslite.x509 import X509

_TLS13 = (3, 4)
_SUITES = (
    CipherSuite.TLS_AES_128_GCM_SHA256,
    CipherSuite.TLS_AES_256_GCM_SHA384,
    CipherSuite.TLS_CHACHA20_POLY1305_SHA256,
)

_PRIMES = (
    0xE87BB6CF7097E2DC2D1896ED12F3987E2879B4782F98051D583BBEFA71713DEAAC1E0DFC3B7631E3D5B658DE35DB7BCB48A1095CCA7AFE5C215795E3736F5401,
    0xDA4E8BDA3C4931F7FCB66ADDF28631EC6FDDAF952E151DEB3E26101F0BA3CB116503F4D5F53661E28656E9297EA3FA4FDAD12BB57F7A59B7966627B3E9484A9B,
)
"""The primes of a 1,024 bit RSA key that signs the test messages and nothing else."""
_EARLY_SECRET = bytes.fromhex("33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a")
_DERIVED_SECRET = bytes.fromhex("6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba")
"""RFC 8448 section 3: the first two secrets of every session without a pre-shared key."""


def check_paths(
    calls: Callable[[], Mapping[str, int]], *, parse_private_key: Callable[[str], Any]
) -> None:
    """Run every operation, forwards and backwards and once with a flipped bit.

    Args:
        calls: counts the operations that went through fast functions.
        parse_private_key: reads the keys of identities.

    Raises:
        RuntimeError: an operation went past the fast functions, or gave a wrong result.
    """
    before = calls()
    expected: dict[str, int] = {}
    for name, is_right in _operations(parse_private_key):
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


def _operations(parse_private_key: Callable[[str], Any]) -> Iterator[tuple[str, bool]]:
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
    yield "derive: RFC 8448", _derives()
    digest = secureHash(bytearray(b"message"), "sha256")
    private, public = _ec_keys(parse_private_key)
    yield from _signatures("ecdsa", private.sign, public.verify, digest, (None, "sha256", None))
    edwards = _edwards_key()
    yield from _signatures(
        "eddsa", edwards.hashAndSign, edwards.hashAndVerify, digest, (None, "intrinsic", None)
    )
    p, q = _PRIMES
    rsa = Python_RSAKey(n=p * q, e=65537, p=p, q=q)
    yield from _signatures("rsa", rsa.sign, rsa.verify, digest, ("pss", "sha256", 32))
    yield from _signatures("rsa", rsa.sign, rsa.verify, digest, ("pkcs1", "sha256", 0))


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


def _derives() -> bool:
    transcript = HandshakeHashes()
    transcript.update(bytearray(b"first "))
    fork = transcript.copy()
    transcript.update(bytearray(b"second"))
    hashed = transcript.digest("sha256")
    return bool(
        fork.digest("sha256") == secureHash(bytearray(b"first "), "sha256")
        and hashed == secureHash(bytearray(b"first second"), "sha256")
        and tlsconnection.secureHMAC(bytearray(32), bytearray(32), "sha256") == _EARLY_SECRET
        and tlsconnection.derive_secret(_EARLY_SECRET, bytearray(b"derived"), None, "sha256")
        == _DERIVED_SECRET
    )


def _ec_keys(parse_private_key: Callable[[str], Any]) -> tuple[Any, Any]:
    """A private key, read as that of an identity is, and its public half, read as that of a certificate is."""
    made = ec.generate_private_key(ec.SECP256R1())
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate = X509()
    certificate._ecdsa_pubkey_parsing(
        bytearray(made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    )
    return parse_private_key(pem.decode("ascii")), certificate.publicKey


class _RawKey:
    """As much of a python-ecdsa key as acceleration reads; python-ecdsa itself would take 5 ms to load one."""

    class curve:
        name = "Ed25519"

    def __init__(self, raw: bytes) -> None:
        self.to_string = lambda: raw


def _edwards_key() -> Any:
    made = ed25519.Ed25519PrivateKey.generate()
    public = _RawKey(made.public_key().public_bytes_raw())
    return Python_EdDSAKey(public, _RawKey(made.private_bytes_raw()))
