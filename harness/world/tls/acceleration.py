"""tlslite-ng's slow leaf functions, done by pyca/cryptography instead: eight times as many mutual handshakes a second.

Only what computes is replaced (AEAD, key agreement, signatures); every byte on the wire is still put
together by tlslite-ng. The names replaced are private to it, so exactly one version is accepted, and
`check_live` proves that each path is in use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import tlslite
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from tlslite import handshakehelpers, keyexchange, recordlayer, tlsconnection, tlsrecordlayer
from tlslite.constants import CipherSuite, GroupName, TLSEnum
from tlslite.errors import TLSIllegalParameterException
from tlslite.extensions import CustomNameExtension, TLSExtension
from tlslite.handshakehashes import HandshakeHashes
from tlslite.messages import Certificate, HelloMessage
from tlslite.utils import cipherfactory
from tlslite.utils.codec import Parser
from tlslite.utils.keyfactory import parsePEMKey
from tlslite.utils.python_eddsakey import Python_EdDSAKey
from tlslite.utils.python_rsakey import Python_RSAKey
from tlslite.x509 import X509

from harness.world.tls import codec, ec_key, key_schedule, lookup
from harness.world.tls.key_schedule import Transcript
from harness.world.tls.self_test import check_paths

SUPPORTED_VERSION = "0.8.2"
IMPLEMENTATION = "cryptography"
"""What `TLSConnection.getCipherImplementation()` answers for an accelerated cipher."""

_CURVES: Mapping[int, ec.EllipticCurve] = {
    GroupName.secp256r1: ec.SECP256R1(),
    GroupName.secp384r1: ec.SECP384R1(),
    GroupName.secp521r1: ec.SECP521R1(),
}
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

_calls: Counter[str] = Counter()
# Patching is for the whole process, and so is the count of what went through the patches.

_is_salt_ours = False
"""OpenSSL's salts cannot be seeded; `seeding` sets this for its time."""

_slow_agreement = keyexchange.ECDHKeyExchange
_slow_random_private_key = _slow_agreement.get_random_private_key
_slow_public_value = _slow_agreement.calc_public_value
_slow_shared_key = _slow_agreement.calc_shared_key
_slow_rsa_sign, _slow_rsa_verify = Python_RSAKey.sign, Python_RSAKey.verify


class _Aead:
    """Looks like tlslite-ng's AESGCM and CHACHA20_POLY1305."""

    isBlockCipher = False
    isAEAD = True
    nonceLength = 12
    tagLength = 16
    implementation = IMPLEMENTATION

    def __init__(self, cipher: AESGCM | ChaCha20Poly1305, name: str) -> None:
        self.name = name
        self._cipher = cipher

    def seal(self, nonce: bytes, plaintext: bytes, data: bytes) -> bytearray:
        _calls["seal"] += 1
        return bytearray(self._cipher.encrypt(nonce, plaintext, data))

    def open(self, nonce: bytes, ciphertext: bytes, data: bytes) -> bytearray | None:
        _calls["open"] += 1
        try:
            return bytearray(self._cipher.decrypt(nonce, ciphertext, data))
        except InvalidTag:
            return None


def _create_aes_gcm(key: bytes, _implementations: object = None) -> _Aead:
    return _Aead(AESGCM(bytes(key)), f"aes{len(key) * 8}gcm")


def _create_chacha20(key: bytes, _implementations: object = None) -> _Aead:
    return _Aead(ChaCha20Poly1305(bytes(key)), "chacha20-poly1305")


def _random_private_key(self: Any) -> Any:
    if self.group == GroupName.x25519:
        return x25519.X25519PrivateKey.generate()
    if self.group in _CURVES:
        return ec.generate_private_key(_CURVES[self.group])
    return _slow_random_private_key(self)


def _public_value(self: Any, private: Any, point_format: str = "uncompressed") -> Any:
    match private:
        case x25519.X25519PrivateKey():
            return bytearray(private.public_key().public_bytes_raw())
        case ec.EllipticCurvePrivateKey():
            form = (
                PublicFormat.CompressedPoint
                if point_format == "compressed"
                else PublicFormat.UncompressedPoint
            )
            return bytearray(private.public_key().public_bytes(Encoding.X962, form))
    return _slow_public_value(self, private, point_format)


def _shared_key(
    self: Any, private: Any, peer_share: bytes, valid_point_formats: Any = ("uncompressed",)
) -> Any:
    share = bytes(peer_share)
    try:
        match private:
            case x25519.X25519PrivateKey():
                _calls["agree"] += 1
                return bytearray(private.exchange(x25519.X25519PublicKey.from_public_bytes(share)))
            case ec.EllipticCurvePrivateKey():
                _calls["agree"] += 1
                peer = ec.EllipticCurvePublicKey.from_encoded_point(private.curve, share)
                return bytearray(private.exchange(ec.ECDH(), peer))
    except ValueError as error:
        raise TLSIllegalParameterException(f"invalid key share: {error}") from error
    return _slow_shared_key(self, private, peer_share, valid_point_formats)


def _eddsa_sign(self: Any, data: bytes) -> bytes:
    _calls["eddsa sign"] += 1
    kind = ed25519.Ed25519PrivateKey if self.key_type == "Ed25519" else ed448.Ed448PrivateKey
    return kind.from_private_bytes(bytes(self.private_key.to_string())).sign(bytes(data))


def _eddsa_verify(self: Any, signature: bytes, data: bytes) -> bool:
    _calls["eddsa verify"] += 1
    kind = ed25519.Ed25519PublicKey if self.key_type == "Ed25519" else ed448.Ed448PublicKey
    public = kind.from_public_bytes(bytes(self.public_key.to_string()))
    return _holds(lambda: public.verify(bytes(signature), bytes(data)))


def _rsa_scheme(
    pad: str, hash_name: str | None, salt_bytes: int | None
) -> tuple[padding.AsymmetricPadding, Any] | None:
    """Say in cryptography's words how tlslite-ng wants to sign; None when only tlslite-ng knows."""
    if pad.lower() == "pkcs1":
        # Without a hash name, the DigestInfo is already in front of the digest.
        return padding.PKCS1v15(), NoDigestInfo() if hash_name is None else Prehashed(
            _HASHES[hash_name]
        )
    if pad.lower() == "pss" and hash_name is not None and salt_bytes is not None:
        algorithm = _HASHES[hash_name]
        return padding.PSS(padding.MGF1(algorithm), salt_bytes), Prehashed(algorithm)
    return None


def _sign_with_our_salt(
    key: Any, data: bytes, hash_name: str | None, salt_bytes: int | None
) -> Any:
    """RSASSA-PSS (RFC 8017 section 8.1.1), all of it tlslite-ng's: its salt comes from where all its randoms do."""
    size = int(key.n).bit_length()
    encoded = key.EMSA_PSS_encode(bytearray(data), size - 1, hash_name, salt_bytes)
    # Not by way of its blinding: that takes random bytes once for each key, so another run would take fewer.
    number = int(key._rawPrivateKeyOpHelper(int.from_bytes(encoded, "big")))
    return bytearray(number.to_bytes((size + 7) // 8, "big"))


def _rsa_sign(
    self: Any,
    data: bytes,
    padding: str = "pkcs1",
    hashAlg: str | None = None,
    saltLen: int | None = None,
) -> Any:
    scheme = _rsa_scheme(padding, hashAlg, saltLen)
    if scheme is None or not self.p:
        return _slow_rsa_sign(self, data, padding, hashAlg, saltLen)
    if _is_salt_ours and padding.lower() == "pss":
        return _sign_with_our_salt(self, data, hashAlg, saltLen)
    _calls["rsa sign"] += 1
    if not hasattr(self, "_fast_private"):
        public = rsa.RSAPublicNumbers(int(self.e), int(self.n))
        numbers = rsa.RSAPrivateNumbers(
            p=int(self.p),
            q=int(self.q),
            d=int(self.d),
            dmp1=int(self.dP),
            dmq1=int(self.dQ),
            iqmp=int(self.qInv),
            public_numbers=public,
        )
        # Made by cryptography for this run: testing its primes again takes longer than all signatures.
        self._fast_private = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    return bytearray(self._fast_private.sign(bytes(data), *scheme))


def _rsa_verify(
    self: Any,
    signature: bytes,
    data: bytes,
    padding: str = "pkcs1",
    hashAlg: str | None = None,
    saltLen: int | None = None,
) -> Any:
    scheme = _rsa_scheme(padding, hashAlg, saltLen)
    # SHA-1 has a second encoding, and a key for PSS alone has rules, that tlslite-ng takes care of.
    if scheme is None or hashAlg == "sha1" or self.key_type == "rsa-pss":
        return _slow_rsa_verify(self, signature, data, padding, hashAlg, saltLen)
    _calls["rsa verify"] += 1
    if not hasattr(self, "_fast_public"):
        self._fast_public = rsa.RSAPublicNumbers(int(self.e), int(self.n)).public_key()
    return _holds(lambda: self._fast_public.verify(bytes(signature), bytes(data), *scheme))


def _holds(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except (InvalidSignature, ValueError):
        return False
    return True


def _count(operation: str) -> None:
    _calls[operation] += 1


def _derive_secret(
    secret: key_schedule.Octets,
    label: key_schedule.Octets,
    transcript: Transcript | None,
    algorithm: str,
) -> bytearray:
    _calls["derive"] += 1
    return key_schedule.derive_secret(secret, label, transcript, algorithm)


def parse_private_key(pem: str) -> Any:
    """A private key for tlslite-ng, by cryptography alone where it is on a curve of TLS 1.3."""
    key = ec_key.make_private(load_pem_private_key(pem.encode("ascii"), None), _count)
    return key or parsePEMKey(pem, private=True, implementations=["python"])


_certificates = lookup.CertificateReader(_count)
_TRANSCRIPT = ("__init__", "update", "digest", "copy")
_KEY_SCHEDULE: tuple[tuple[str, Any], ...] = (
    ("secureHMAC", key_schedule.compute_hmac),
    ("HKDF_expand_label", key_schedule.expand_label),
    ("derive_secret", _derive_secret),
)

_PATCHES: tuple[tuple[Any, str, Any], ...] = (
    (recordlayer, "createAESGCM", _create_aes_gcm),
    (recordlayer, "createCHACHA20", _create_chacha20),
    (tlsconnection, "createAESGCM", _create_aes_gcm),
    (tlsconnection, "createCHACHA20", _create_chacha20),
    (cipherfactory, "createAESGCM", _create_aes_gcm),
    (cipherfactory, "createCHACHA20", _create_chacha20),
    (keyexchange.ECDHKeyExchange, "get_random_private_key", _random_private_key),
    (keyexchange.ECDHKeyExchange, "calc_public_value", _public_value),
    (keyexchange.ECDHKeyExchange, "calc_shared_key", _shared_key),
    (Python_EdDSAKey, "_hashAndSign", _eddsa_sign),
    (Python_EdDSAKey, "_hashAndVerify", _eddsa_verify),
    (Python_RSAKey, "sign", _rsa_sign),
    (Python_RSAKey, "verify", _rsa_verify),
    (X509, "parseBinary", _certificates.parse),
    (X509, "_ecdsa_pubkey_parsing", _certificates.parse_ec_key),
    *((HandshakeHashes, name, vars(Transcript)[name]) for name in _TRANSCRIPT),
    *(
        (module, name, function)
        for module in (handshakehelpers, recordlayer, tlsconnection, tlsrecordlayer)
        for name, function in _KEY_SCHEDULE
        if hasattr(module, name)
    ),
    (TLSEnum, "toRepr", classmethod(lookup.find_name)),
    (CipherSuite, "_filterSuites", staticmethod(lookup.filter_suites)),
    (tlsconnection.TLSConnection, "_sigHashesToList", staticmethod(lookup.list_schemes)),
    (tlsconnection, "is_valid_hostname", lookup.is_valid_hostname),
    (TLSExtension, "parse", codec.parse_extension),
    # tlslite-ng looks at every attribute that is set for names that it has given up.
    (Certificate, "__setattr__", object.__setattr__),
    (Parser, "get", codec.read_number),
    (Parser, "getFixList", codec.read_numbers),
    (Parser, "getVarList", codec.read_list),
    (Parser, "getVarTupleList", codec.read_tuples),
    (CustomNameExtension, "__init__", codec.start_extension),
    (CustomNameExtension, "__setattr__", codec.set_field),
    (HelloMessage, "getExtension", codec.get_extension),
    (recordlayer.RecordLayer, "_getNonce", codec.make_nonce),
    (recordlayer.RecordSocket, "recv", codec.receive_record),
)


def _lost() -> list[str]:
    return [
        f"{owner.__name__}.{name}"
        for owner, name, new in _PATCHES
        if vars(owner).get(name) is not new
    ]


def install() -> None:
    """Replace the slow functions, for the whole process; doing it again changes nothing.

    Raises:
        RuntimeError: another version of tlslite-ng is installed.
    """
    installed = tlslite.__version__
    if installed != SUPPORTED_VERSION:
        raise RuntimeError(
            f"tlslite-ng {installed} is installed; the acceleration knows the private names of"
            f" {SUPPORTED_VERSION} only: pip install tlslite-ng=={SUPPORTED_VERSION}"
        )
    if not _lost():
        return
    for owner, name, replacement in _PATCHES:
        if not hasattr(owner, name):
            raise RuntimeError(
                f"tlslite-ng has no {owner.__name__}.{name} to replace; reinstall {SUPPORTED_VERSION}"
            )
        setattr(owner, name, replacement)


def calls() -> Mapping[str, int]:
    """Say how often each accelerated operation ran in this process: `seal`, `open`, `agree`, `ecdsa sign`, ..."""
    return dict(_calls)


def check_live() -> None:
    """Prove that tlslite-ng's own entry points end in the fast functions and give right results.

    Raises:
        RuntimeError: one does not; the text names it.
    """
    if lost := _lost():
        raise RuntimeError(
            f"not accelerated: {', '.join(lost)}; call install() and let nothing replace them after it"
        )
    check_paths(calls, parse_private_key=parse_private_key)
