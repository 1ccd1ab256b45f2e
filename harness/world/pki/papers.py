"""The papers: the files that an administrator makes of what an authority sent, in order or with one fault."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from harness.certificate.upload import File
from harness.world.pki.issuing import load_signer

_PASSWORD = "run"
"""Of files that live as long as the run."""
_BEGIN, _END = "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """What is chosen on the import page."""

    chain_pem: tuple[str, ...]
    """The certificates as they stand in the file."""
    chain: File
    """The PEM chain, or the PFX."""
    key: File | None
    """None: not chosen, or in the PFX."""
    password: str | None = field(default=None, repr=False)
    """What is typed in for a PFX."""


def make_pem(chain: tuple[str, ...], key_pem: str, *, fault: str | None, other_key: str) -> Papers:
    """Two PEM files.

    Args:
        chain: leaf, intermediates, perhaps the root.
        key_pem: PKCS#1.
        fault: as in a scenario, or None.
        other_key: for `foreign_key`.
    """
    leaf, *rest = chain
    match fault:
        case "wrong_order":
            # Something must be out of order behind the leaf: with one issuer, the leaf comes last.
            chain = (leaf, *reversed(rest)) if len(rest) > 1 else (*rest, leaf)
        case "missing_intermediate":
            chain = (leaf, *rest[1:])
        case "duplicate":
            chain = (leaf, leaf, *rest)
    text = "".join(chain)
    match fault:
        case "no_begin_tag":
            text = text.replace(_BEGIN, "", 1)
        case "no_end_tag":
            text = text.replace(_END, "", 1)
        case "key_in_chain":
            text += key_pem
    key = File(name="server.key", data=_write_key(key_pem, fault, other_key).encode("ascii"))
    return Papers(
        chain_pem=chain,
        chain=File(name="chain.pem", data=text.encode("ascii")),
        key=None if fault == "no_key" else key,
    )


def make_pfx(chain: tuple[str, ...], key_pem: str, *, fault: str | None, other_key: str) -> Papers:
    """One PFX file; arguments as of `make_pem`."""
    if fault == "missing_intermediate":
        chain = (chain[0], *chain[2:])
    leaf, *rest = (x509.load_pem_x509_certificate(pem.encode("ascii")) for pem in chain)
    key = load_signer(other_key if fault == "foreign_key" else key_pem)
    # cryptography writes no PFX whose key is of another certificate: then the leaf goes among the rest.
    is_foreign = fault == "foreign_key"
    data = pkcs12.serialize_key_and_certificates(
        b"server",
        key,
        None if is_foreign else leaf,
        [leaf, *rest] if is_foreign else rest,
        BestAvailableEncryption(_PASSWORD.encode()),
    )
    typed = {"wrong_password": "walk", "no_password": None}.get(fault or "", _PASSWORD)
    return Papers(
        chain_pem=chain, chain=File(name="server.pfx", data=data), key=None, password=typed
    )


def _write_key(key_pem: str, fault: str | None, other_key: str) -> str:
    encryption: KeySerializationEncryption = NoEncryption()
    form = PrivateFormat.TraditionalOpenSSL
    match fault:
        case "foreign_key":
            return other_key
        case "pkcs8_key":
            form = PrivateFormat.PKCS8
        case "encrypted_key":
            encryption = BestAvailableEncryption(_PASSWORD.encode())
        case _:
            return key_pem
    return load_signer(key_pem).private_bytes(Encoding.PEM, form, encryption).decode("ascii")
