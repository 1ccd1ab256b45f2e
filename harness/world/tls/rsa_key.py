"""RSA keys from a seed: cryptography makes none, so tlslite-ng searches the primes, which takes a second.

The same seed gives the same key, and a process that has made it once has it at once.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from tlslite.utils.keyfactory import generateRSAKey

from harness.world.entropy import Entropy

EXPONENT = 65537
"""The only one that tlslite-ng makes."""


@lru_cache(maxsize=256)
def make_rsa_key(seed: bytes, bits: int) -> rsa.RSAPrivateKey:
    """The key of a seed."""
    os_urandom = os.urandom
    # tlslite-ng asks the system for random bytes, and nobody else does meanwhile.
    os.urandom = Entropy(seed).take
    try:
        key: Any = generateRSAKey(bits, implementations=["python"])
    finally:
        os.urandom = os_urandom
    public = rsa.RSAPublicNumbers(e=int(key.e), n=int(key.n))
    return rsa.RSAPrivateNumbers(
        p=int(key.p),
        q=int(key.q),
        d=int(key.d),
        dmp1=int(key.dP),
        dmq1=int(key.dQ),
        iqmp=int(key.qInv),
        public_numbers=public,
    ).private_key()
