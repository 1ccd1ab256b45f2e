"""Material: chains and keys as authorities hand them out, and the files that people make of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from harness.certificate.rule import Rule
from harness.certificate.upload import File, Upload, read_pem

AT = datetime(2026, 6, 1, tzinfo=UTC)
FQDN = "access.example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A leaf, two intermediates and a root, PEM each; and the leaf's key, PKCS#1."""

    leaf: str
    low: str
    high: str
    root: str
    key: str


@cache
def authorities() -> tuple[trustme.CA, trustme.CA, trustme.CA]:
    """Root, and the two between it and the leaf."""
    root = trustme.CA(organization_unit_name="Root")
    high = trustme.CA(parent_cert=root, path_length=8, organization_unit_name="High")
    return root, high, trustme.CA(parent_cert=high, path_length=7, organization_unit_name="Low")


@cache
def make(
    *names: str,
    starts: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=90),
    key: str = "RSA",
) -> Material:
    """A server certificate of the lowest authority, with a new key."""
    root, high, low = authorities()
    leaf = low.issue_cert(
        *(names or (FQDN,)),
        common_name=(names or (FQDN,))[0],
        not_before=AT + starts,
        not_after=AT + ends,
        key_type=trustme.KeyType[key],
    )
    return Material(
        leaf=leaf.cert_chain_pems[0].bytes().decode(),
        low=low.cert_pem.bytes().decode(),
        high=high.cert_pem.bytes().decode(),
        root=root.cert_pem.bytes().decode(),
        key=leaf.private_key_pem.bytes().decode(),
    )


def whole() -> str:
    """The chain as it should be, the root left out."""
    good = make()
    return good.leaf + good.low + good.high


def root_der() -> bytes:
    """The root that devices trust."""
    return load(make().root).public_bytes(Encoding.DER)


def upload(chain: str | bytes, key: str | bytes | None = "", **named: Any) -> Upload:
    """Import a chain; the key is the right one unless another is given, None: none."""
    key = make().key if key == "" else key
    file = None if key is None else File(name="server.key", data=encode(key))
    return read_pem(File(name="chain.pem", data=encode(chain)), file, at=AT, **named)


def rules(found: Upload) -> list[Rule]:
    """What is broken, in order."""
    return [flaw.rule for flaw in found.flaws]


def encode(text: str | bytes) -> bytes:
    """The bytes of a file."""
    return text.encode() if isinstance(text, str) else text


def load(pem: str) -> x509.Certificate:
    """One certificate."""
    return x509.load_pem_x509_certificate(pem.encode())


def rewrite_key(form: PrivateFormat, password: bytes | None = None) -> str:
    """The right key in another form."""
    encryption: KeySerializationEncryption = NoEncryption()
    if password is not None:
        encryption = BestAvailableEncryption(password)
    key = load_pem_private_key(make().key.encode(), None)
    return key.private_bytes(Encoding.PEM, form, encryption).decode()


def public_key() -> str:
    """The public half of the right key."""
    key = load_pem_private_key(make().key.encode(), None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def pfx(
    *chain: str, password: bytes | None = b"secret", key: str | None = "", leaf: str | None = ""
) -> bytes:
    """A PFX file; the leaf and its key unless others are given, None: without."""
    good = make()
    key, leaf = good.key if key == "" else key, good.leaf if leaf == "" else leaf
    encryption: KeySerializationEncryption = NoEncryption()
    if password is not None:
        encryption = BestAvailableEncryption(password)
    private: Any = None if key is None else load_pem_private_key(key.encode(), None)
    return pkcs12.serialize_key_and_certificates(
        b"server",
        private,
        None if leaf is None else load(leaf),
        [load(c) for c in chain],
        encryption,
    )
