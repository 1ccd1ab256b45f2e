"""The server certificate: a chain with its key, ready to be served."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from harness.certificate.chain import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """What an import gives; all of it was judged before."""

    chain_pem: tuple[str, ...]
    """Leaf first; the root is there if it was given."""
    key_pem: str = field(repr=False)
    sha256: tuple[str, ...]
    """Fingerprints of the chain, lower-case hex."""
    subjects: tuple[str, ...]
    """Of the chain, RFC 4514."""
    issuer: str
    """Of the leaf, RFC 4514."""
    common_name: str
    """Of the leaf; "" where it has none."""
    dns_names: tuple[str, ...]
    """Subject alternative names of the leaf, as written."""
    ip_addresses: tuple[str, ...]
    not_before: datetime
    not_after: datetime


def build_server_certificate(links: tuple[Link, ...], key_pem: str) -> ServerCertificate:
    """Bring a judged chain and its key together."""
    leaf = links[0].certificate
    common_names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    dns_names, ip_addresses = _read_names(leaf)
    encoded = [link.certificate.public_bytes(Encoding.DER) for link in links]
    return ServerCertificate(
        chain_pem=tuple(
            link.certificate.public_bytes(Encoding.PEM).decode("ascii") for link in links
        ),
        key_pem=key_pem,
        sha256=tuple(hashlib.sha256(der).hexdigest() for der in encoded),
        subjects=tuple(link.certificate.subject.rfc4514_string() for link in links),
        issuer=leaf.issuer.rfc4514_string(),
        common_name=str(common_names[0].value) if common_names else "",
        dns_names=dns_names,
        ip_addresses=ip_addresses,
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
    )


def _read_names(leaf: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    addresses = names.get_values_for_type(x509.IPAddress)
    return tuple(names.get_values_for_type(x509.DNSName)), tuple(str(a) for a in addresses)
