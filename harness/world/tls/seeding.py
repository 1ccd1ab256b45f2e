"""Seeding: while it lasts, every random byte and every time that tlslite-ng and cryptography use comes from us.

cryptography takes its own random bytes from OpenSSL, which cannot be seeded. So keys are derived from given bytes
instead of generated, ECDSA signatures take their nonce from key and message (RFC 6979), and the salt of an RSA-PSS
signature is tlslite-ng's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

from harness.world.tls import acceleration, ec_key
from harness.world.tls.rsa_key import EXPONENT, make_rsa_key

Take = Callable[[int], bytes]
_Patch = tuple[Any, str, Any]


@contextmanager
def seeded(take: Take, *, start_s: int) -> Iterator[None]:
    """Meanwhile, in the whole process, random bytes come from `take`, and tlslite-ng's clock stands at `start_s`.

    Not for two runs at the same time: what both take would depend on who comes first.

    Raises:
        RuntimeError: it is seeded already.
    """
    patches = _patches(take, start_s)
    if any(getattr(vars(owner).get(name), "is_seeded", False) for owner, name, _ in patches):
        raise RuntimeError("this process simulates a run already; one at a time")
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in patches]
    try:
        for owner, name, new in patches:
            setattr(owner, name, new)
        yield
    finally:
        for owner, name, old in before:
            setattr(owner, name, old)


def _patches(take: Take, start_s: int) -> list[_Patch]:
    rsa_seed, rsa_numbers = take(32), count()

    def urandom(size: int) -> bytes:
        return take(size)

    def generate_ec(curve: ec.EllipticCurve, backend: Any = None) -> ec.EllipticCurvePrivateKey:
        # A byte less than the curve's order has: enough for keys that nobody wants.
        number = int.from_bytes(take((curve.key_size - 1) // 8), "big")
        return ec.derive_private_key(number + 1, curve)

    def generate_x25519() -> x25519.X25519PrivateKey:
        return x25519.X25519PrivateKey.from_private_bytes(take(32))

    def generate_rsa(public_exponent: int, key_size: int, backend: Any = None) -> rsa.RSAPrivateKey:
        if public_exponent != EXPONENT:
            raise ValueError(f"public exponent {public_exponent}; expected {EXPONENT}")
        # By its number in the run alone, so that runs of one seed share their keys, which are slow to make.
        return make_rsa_key(rsa_seed + next(rsa_numbers).to_bytes(4, "big"), key_size)

    builders = (x509.CertificateBuilder, x509.CertificateRevocationListBuilder)
    urandom.is_seeded = True  # type: ignore[attr-defined]
    clock = SimpleNamespace(**{**vars(time), "time": lambda: float(start_s)})
    return [
        (os, "urandom", urandom),
        (ec, "generate_private_key", generate_ec),
        (rsa, "generate_private_key", generate_rsa),
        (x25519.X25519PrivateKey, "generate", staticmethod(generate_x25519)),
        *((builder, "sign", _sign_alike(vars(builder)["sign"])) for builder in builders),
        (ec_key, "_SCHEMES", _deterministic_schemes()),
        (acceleration, "_is_salt_ours", True),
        *(
            (module, "time", clock)
            for name, module in sorted(sys.modules.items())
            if name.startswith("tlslite.") and vars(module).get("time") is time
        ),
    ]


def _sign_alike(plain_sign: Callable[..., Any]) -> Callable[..., Any]:
    """The same method of a builder; equal contents give equal signatures."""

    def sign(self: Any, private_key: Any, algorithm: Any, *details: Any, **named: Any) -> Any:
        if isinstance(private_key, ec.EllipticCurvePrivateKey):
            named["ecdsa_deterministic"] = True
        return plain_sign(self, private_key, algorithm, *details, **named)

    return sign


def _deterministic_schemes() -> dict[int, ec.ECDSA]:
    return {
        size: ec.ECDSA(scheme.algorithm, deterministic_signing=True)
        for size, scheme in ec_key._SCHEMES.items()
    }
