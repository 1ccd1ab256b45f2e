"""EC keys for tlslite-ng that are cryptography's from end to end: loading one costs no arithmetic in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from tlslite.utils.ecdsakey import ECDSAKey

_HASHES = (hashes.SHA1(), hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
_SCHEMES: Mapping[int, ec.ECDSA] = {each.digest_size: ec.ECDSA(Prehashed(each)) for each in _HASHES}
"""By the size of the digest: tlslite-ng has cut it to the size of the curve, so its name does not say."""
_CURVES: Mapping[str, str] = {
    "secp256r1": "NIST256p",
    "secp384r1": "NIST384p",
    "secp521r1": "NIST521p",
}
"""The curves of TLS 1.3 (RFC 8446 section 4.2.3), and their names in tlslite-ng."""


@dataclass(frozen=True, slots=True)
class _Curve:
    """What tlslite-ng asks a curve for."""

    baselen: int
    """Bytes of the order."""


@dataclass(frozen=True, slots=True)
class _Half:
    """What tlslite-ng takes for a python-ecdsa key."""

    curve: _Curve


class EcKey(ECDSAKey):  # type: ignore[misc] # tlslite-ng is not typed
    """A public key on a curve of TLS 1.3, with its private one or without."""

    key_type = "ecdsa"

    def __init__(
        self,
        public: ec.EllipticCurvePublicKey,
        private: ec.EllipticCurvePrivateKey | None,
        count: Callable[[str], None],
    ) -> None:
        """Take both; `count` hears of each signature made ("ecdsa sign") and verified ("ecdsa verify").

        Raises:
            ValueError: another curve.
        """
        if public.curve.name not in _CURVES:
            raise ValueError(f"EC key on {public.curve.name}; expected one of {', '.join(_CURVES)}")
        self.curve_name = _CURVES[public.curve.name]
        self._public, self._private, self._count = public, private, count
        half = _Half(_Curve(-(-public.key_size // 8)))
        self.public_key = half
        self.private_key = None if private is None else half
        self._own: tuple[bytes, bytes] | None = None

    def __len__(self) -> int:
        """Bits of the order of the curve."""
        return self._public.key_size

    def hasPrivateKey(self) -> bool:
        """Whether it can sign."""
        return self._private is not None

    def acceptsPassword(self) -> bool:
        """It is never written."""
        return False

    def _sign(self, data: bytes, _hash_name: str) -> bytearray:
        self._count("ecdsa sign")
        assert self._private is not None, "a public key cannot sign"
        digest = bytes(data)
        signature = self._private.sign(digest, _SCHEMES[len(digest)])
        self._own = signature, digest
        return bytearray(signature)

    def _verify(self, signature: bytes, digest: bytes) -> bool:
        pair = bytes(signature), bytes(digest)
        if pair == self._own:
            # tlslite-ng verifies what it has just signed, against miscalculations of its own arithmetic.
            return True
        self._count("ecdsa verify")
        try:
            self._public.verify(*pair, _SCHEMES[len(pair[1])])
        except (InvalidSignature, KeyError):
            return False
        return True


def make_public(key: Any, count: Callable[[str], None]) -> EcKey | None:
    """The key of a certificate; None when tlslite-ng has to read it itself."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return EcKey(key, None, count)
    return None


def make_private(key: Any, count: Callable[[str], None]) -> EcKey | None:
    """The key of an identity; None when tlslite-ng has to read it itself."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return EcKey(key.public_key(), key, count)
    return None
