"""TLS cipher suites that can be opened, and how: read from the registry name, `..._WITH_<cipher>_<mac or hash>`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

from harness.decode.tls.suite_name import NAMES

_KEY_SIZES: dict[str, int | None] = {
    "AES": None,
    "CAMELLIA": None,
    "RC4": None,
    "SEED": 16,
    "IDEA": 16,
    "3DES": 24,
    "DES": 8,
    "CHACHA20": 32,
    "NULL": 0,
}
"""Bytes of the key by cipher; None: the name says how many bits."""
_MACS = {"MD5": "md5", "SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """How the records of one cipher suite are protected."""

    code_point: int
    name: str
    """As the IANA registry spells it."""
    cipher: str
    """`AES`, `CAMELLIA`, `SEED`, `IDEA`, `3DES_EDE`, `DES`, `RC4`, `CHACHA20_POLY1305` or `NULL`."""
    mode: str
    """`GCM`, `CCM`, `POLY1305`, `CBC`, or `STREAM` (RC4 and NULL)."""
    key_size: int
    """Bytes."""
    tag_size: int
    """Bytes of the authentication tag; 0 where a MAC is used."""
    mac: str | None
    """Hash of the HMAC of each record: `md5`, `sha1`, `sha256`, `sha384`; None for AEAD suites."""
    hash: str
    """Hash of the key derivation: HKDF in TLS 1.3, the PRF in TLS 1.2."""

    mac_size: int
    """Bytes of the MAC key before TLS 1.3; 0 for AEAD suites."""
    block_size: int
    """Bytes of a block in CBC mode."""
    iv_size: int
    """Bytes of the IV in the key block before TLS 1.3 (RFC 5288 section 3, RFC 6655 section 3, RFC 7905 section 2)."""

    @property
    def is_tls13(self) -> bool:
        """RFC 8446 section B.4: a suite of TLS 1.3 cannot be used before it, nor the other way round."""
        return "_WITH_" not in self.name


def find_suite(code_point: int) -> Suite | None:
    """The suite with this code point; None where it cannot be opened: ARIA, SM4, GOST, RC2, and export suites."""
    name = NAMES.get(code_point)
    return None if name is None else _suite(code_point, name)


def describe_suite(code_point: int) -> str:
    """The registry name, or the code point where it has none."""
    return NAMES.get(code_point, f"0x{code_point:04x}")


@cache  # at most one entry per row of NAMES
def _suite(code_point: int, name: str) -> Suite | None:
    parts = name.removeprefix("TLS_").split("_WITH_")[-1].split("_")
    cipher, last = parts[0], parts[-1]
    if cipher not in _KEY_SIZES or "EXPORT" in name:
        return None
    cipher = {"3DES": "3DES_EDE", "CHACHA20": "CHACHA20_POLY1305"}.get(cipher, cipher)
    mode = next((mode for mode in ("GCM", "CCM", "POLY1305", "CBC") if mode in parts), "STREAM")
    is_aead = mode not in {"CBC", "STREAM"}
    mac = None if is_aead else _MACS.get(last)
    if mac is None and not is_aead:
        return None
    block_size = 8 if cipher in {"3DES_EDE", "DES", "IDEA"} else 16
    return Suite(
        code_point=code_point,
        name=name,
        cipher=cipher,
        mode=mode,
        key_size=int(parts[1]) // 8 if (size := _KEY_SIZES[parts[0]]) is None else size,
        tag_size=(8 if "8" in parts else 16) if is_aead else 0,
        mac=mac,
        mac_size=0 if mac is None else hashlib.new(mac).digest_size,
        block_size=block_size,
        iv_size={"GCM": 4, "CCM": 4, "POLY1305": 12, "CBC": block_size}.get(mode, 0),
        # RFC 5246 section 5: SHA-256 is the hash of every TLS 1.2 suite that names no other one.
        hash="sha384" if last == "SHA384" else "sha256",
    )
