"""The upload: files as the import page takes them, accepted or refused (rows B04 and B05).

PEM: one file with the whole chain and one with the key. PFX: one file with both, and its password.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)

from harness.certificate.chain import Chain, Link, build_chain, read_link
from harness.certificate.pem import Block, read_blocks
from harness.certificate.private_key import is_key, read_key, write_key
from harness.certificate.rule import Flaw, Rule
from harness.certificate.server_certificate import ServerCertificate, build_server_certificate

_LABEL = "CERTIFICATE"
_OTHERS = {
    "CERTIFICATE REQUEST": "this is the request: send it to the authority, and import its answer",
    "NEW CERTIFICATE REQUEST": "this is the request: send it to the authority, and import its answer",
    "PKCS7": "openssl pkcs7 -print_certs -in FILE -out NEW",
    "TRUSTED CERTIFICATE": "openssl x509 -in FILE -out NEW",
    "X509 CERTIFICATE": "the same lines between the usual tags",
}
_KEY_ALONE = "the private key in a file of its own"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file as it was chosen."""

    name: str
    """For messages."""
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What became of an import."""

    certificate: ServerCertificate | None
    """None: refused, and the old certificate stays in force."""
    flaws: tuple[Flaw, ...]
    """Every broken rule, in the order of the files; warnings too."""


def read_pem(
    chain: File, key: File | None, *, at: datetime, roots: tuple[bytes, ...] = ()
) -> Upload:
    """Judge a PEM import; never raises.

    Args:
        chain: the file with the certificates.
        key: the file with the private key; None: nobody chose one.
        at: the time of the import.
        roots: DER of the roots that devices trust; (): nobody says.
    """
    blocks, flaws = read_blocks(chain.name, chain.data)
    found = list(flaws)
    links: list[Link] = []
    for block in blocks:
        link, flaw = _read_certificate(chain.name, block)
        if link is not None:
            links.append(link)
        if flaw is not None:
            found.append(flaw)
    if not links and not any(flaw.is_refused for flaw in found):
        expected = "-----BEGIN CERTIFICATE----- and what belongs to it"
        flaw = Flaw(
            rule=Rule.NO_CERTIFICATE, place=chain.name, found="no certificate", expected=expected
        )
        found.append(flaw)
    # With a certificate that cannot be read every other one would seem to miss its issuer.
    is_whole = bool(links) and not any(flaw.is_refused for flaw in found)
    built = build_chain(tuple(links), at=at, roots=_load(roots)) if is_whole else None
    found += built.flaws if built is not None else ()
    if key is None:
        expected = f"{_KEY_ALONE}: choose it beside the chain"
        found.append(Flaw(rule=Rule.NO_KEY, place=chain.name, found="no key", expected=expected))
        return Upload(certificate=None, flaws=tuple(found))
    private, key_flaws = read_key(key.name, key.data)
    return _conclude(built, private, key.name, (*found, *key_flaws))


def read_pfx(
    file: File, *, password: str | None, at: datetime, roots: tuple[bytes, ...] = ()
) -> Upload:
    """Judge a PFX import, whose certificates have no order; never raises."""
    try:
        store = pkcs12.load_pkcs12(file.data, None if password is None else password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        return Upload(certificate=None, flaws=(_tell_pfx(file.name, password, str(error)),))
    given = [entry for entry in (store.cert, *store.additional_certs) if entry is not None]
    read = [read_link(e.certificate.public_bytes(Encoding.DER), file.name) for e in given]
    flaws = tuple(flaw for _, flaw in read if flaw is not None)
    if flaws:
        return Upload(certificate=None, flaws=flaws)
    links = tuple(link for link, _ in read if link is not None)
    if not links:
        expected = "a PFX with the certificate and its chain"
        flaw = Flaw(
            rule=Rule.NO_CERTIFICATE, place=file.name, found="no certificate", expected=expected
        )
        return Upload(certificate=None, flaws=(flaw,))
    built = build_chain(links, at=at, roots=_load(roots), is_ordered=False)
    if not isinstance(store.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        found = "no private key" if store.key is None else type(store.key).__name__
        expected = "an RSA or EC key beside the certificate: openssl pkcs12 -export -inkey KEY"
        flaw = Flaw(rule=Rule.NO_KEY, place=file.name, found=found, expected=expected)
        return Upload(certificate=None, flaws=(*built.flaws, flaw))
    return _conclude(built, store.key, file.name, built.flaws)


def read_roots(file: File) -> tuple[bytes, ...]:
    """DER of the roots that devices trust, from a PEM file.

    Raises:
        ValueError: something in it is no certificate, with its line; or there is none.
    """
    blocks, flaws = read_blocks(file.name, file.data)
    refused = [flaw for flaw in flaws if flaw.is_refused]
    for block in blocks:
        flaw = _read_certificate(file.name, block)[1]
        refused += [flaw] if flaw is not None else []
    if refused:
        raise ValueError("\n".join(str(flaw) for flaw in refused))
    if not blocks:
        raise ValueError(f"{file.name}: got no certificate; expected roots in PEM")
    return tuple(block.der for block in blocks)


def _conclude(
    built: Chain | None,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None,
    place: str,
    flaws: tuple[Flaw, ...],
) -> Upload:
    if built is not None and built.links and key is not None:
        leaf = built.links[0]
        if _spki(key.public_key()) != _spki(leaf.certificate.public_key()):
            expected = (
                f"the key of {leaf.name} ({leaf.place}): use the one its request was made with"
            )
            found = "the key of another certificate"
            flaws = (
                *flaws,
                Flaw(rule=Rule.FOREIGN_KEY, place=place, found=found, expected=expected),
            )
    if built is None or key is None or any(flaw.is_refused for flaw in flaws):
        return Upload(certificate=None, flaws=flaws)
    return Upload(certificate=build_server_certificate(built.links, _write(key)), flaws=flaws)


def _write(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return write_key(key)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _read_certificate(name: str, block: Block) -> tuple[Link | None, Flaw | None]:
    place = f"{name}:{block.line}"
    if block.label != _LABEL:
        rule = Rule.KEY_IN_CHAIN if is_key(block) else Rule.WRONG_CONTENT
        remedy = _KEY_ALONE if is_key(block) else _OTHERS.get(block.label, "certificates alone")
        found, expected = f"-----BEGIN {block.label}-----", f"-----BEGIN {_LABEL}-----: {remedy}"
        return None, Flaw(rule=rule, place=place, found=found, expected=expected)
    return read_link(block.der, place)


def _tell_pfx(name: str, password: str | None, error: str) -> Flaw:
    # What cryptography says of a missing and of a wrong password; all else is no PKCS#12.
    if "password" not in error.lower():
        expected = "a PFX file (PKCS#12): openssl pkcs12 -export -in CHAIN -inkey KEY -out NEW"
        return Flaw(rule=Rule.NOT_PFX, place=name, found="something else", expected=expected)
    if password is None:
        expected = "the password it was made with"
        return Flaw(rule=Rule.NO_PASSWORD, place=name, found="no password", expected=expected)
    expected = "the password it was made with, also upper and lower case"
    return Flaw(rule=Rule.WRONG_PASSWORD, place=name, found="another password", expected=expected)


def _load(roots: tuple[bytes, ...]) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_der_x509_certificate(root) for root in roots)


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
