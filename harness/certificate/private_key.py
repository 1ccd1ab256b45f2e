"""The private key of a PEM import: unencrypted RSA in PKCS#1, and nothing else (row B04).

What else people bring is told by its tag, with the command that turns it into the right form.
"""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from harness.certificate.pem import Block, read_blocks
from harness.certificate.rule import Flaw, Rule

PKCS1 = "RSA PRIVATE KEY"
_RIGHT = f"-----BEGIN {PKCS1}----- (PKCS#1)"
_CONVERT = "openssl rsa -in FILE -traditional -out NEW"
_WRONG: dict[str, tuple[Rule, str]] = {
    "PRIVATE KEY": (Rule.PKCS8_KEY, f"{_RIGHT}: {_CONVERT}"),
    "ENCRYPTED PRIVATE KEY": (Rule.ENCRYPTED_KEY, f"{_RIGHT} without a password: {_CONVERT}"),
    "EC PRIVATE KEY": (Rule.NOT_RSA, f"{_RIGHT}: a certificate with an RSA key"),
    "DSA PRIVATE KEY": (Rule.NOT_RSA, f"{_RIGHT}: a certificate with an RSA key"),
    "OPENSSH PRIVATE KEY": (Rule.NOT_RSA, f"{_RIGHT}: this is a key for ssh"),
    "PUBLIC KEY": (Rule.NO_KEY, f"{_RIGHT}: this is the public half"),
    "RSA PUBLIC KEY": (Rule.NO_KEY, f"{_RIGHT}: this is the public half"),
    "CERTIFICATE": (Rule.NO_KEY, f"{_RIGHT}: certificates go into the other file"),
}


def is_key(block: Block) -> bool:
    """Whether a block holds a private key of any form."""
    return block.label.endswith("PRIVATE KEY")


def read_key(name: str, data: bytes) -> tuple[rsa.RSAPrivateKey | None, tuple[Flaw, ...]]:
    """The one key of a file, or None and why not; never raises."""
    blocks, flaws = read_blocks(name, data)
    found = list(flaws)
    keys: list[rsa.RSAPrivateKey] = []
    for block in blocks:
        key, flaw = _read(name, block)
        if key is not None:
            keys.append(key)
        if flaw is not None:
            found.append(flaw)
    if len(keys) > 1:
        expected = "the one of the certificate alone"
        flaw = Flaw(
            rule=Rule.SEVERAL_KEYS, place=name, found=f"{len(keys)} keys", expected=expected
        )
        return None, (*found, flaw)
    if not keys and not any(flaw.is_refused for flaw in found):
        found.append(Flaw(rule=Rule.NO_KEY, place=name, found="no private key", expected=_RIGHT))
    return (keys[0] if keys else None), tuple(found)


def write_key(key: rsa.RSAPrivateKey) -> str:
    """The key as PKCS#1 PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(
        "ascii"
    )


def _read(name: str, block: Block) -> tuple[rsa.RSAPrivateKey | None, Flaw | None]:
    def tell(rule: Rule, found: str, expected: str) -> tuple[None, Flaw]:
        return None, Flaw(rule=rule, place=f"{name}:{block.line}", found=found, expected=expected)

    if block.label in _WRONG:
        rule, expected = _WRONG[block.label]
        return tell(rule, f"-----BEGIN {block.label}-----", expected)
    if block.label != PKCS1:
        return tell(Rule.WRONG_CONTENT, f"-----BEGIN {block.label}-----", _RIGHT)
    if any("ENCRYPTED" in header for header in block.headers):
        return tell(
            Rule.ENCRYPTED_KEY, block.headers[0], f"{_RIGHT} without a password: {_CONVERT}"
        )
    try:
        key = load_der_private_key(block.der, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        return tell(Rule.BAD_KEY, str(error).splitlines()[0], "a key that can be read")
    if not isinstance(key, rsa.RSAPrivateKey):
        return tell(Rule.BAD_KEY, type(key).__name__, "an RSA key, as its tag says")
    return key, None
