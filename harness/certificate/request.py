"""The request: a new RSA key and a certificate signing request for it (PKCS#10, RFC 2986; row B03)."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from harness.certificate.private_key import read_key, write_key

KEY_BITS = 2048
_EXPONENT = 65537
_COMMON_NAME_SIZE = 64
"""RFC 5280 appendix A.1: ub-common-name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What goes to the authority, and what stays here."""

    request_pem: str
    key_pem: str = field(repr=False)
    """PKCS#1."""
    names: tuple[str, ...]
    """The first is the common name; all are subject alternative names."""


def build_request(
    names: tuple[str, ...], *, organization: str | None = None, key_pem: str | None = None
) -> Request:
    """Make a key and a request for these names and addresses.

    Args:
        names: the common name first.
        organization: O= of the subject; None: none.
        key_pem: a key to use again (PKCS#1); None: a new one is made.

    Raises:
        ValueError: no name, or one that a certificate cannot hold; or a key that is none.
    """
    if not names:
        raise ValueError("a request needs at least one name")
    if len(names[0]) > _COMMON_NAME_SIZE:
        raise ValueError(
            f"common name {names[0]!r} has {len(names[0])} characters; at most {_COMMON_NAME_SIZE}"
        )
    key = _load_key(key_pem) if key_pem is not None else _make_key()
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, names[0])]
    if organization is not None:
        subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    distinct = tuple(dict.fromkeys(names))
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(subject))
        .add_extension(
            x509.SubjectAlternativeName([_general(name) for name in distinct]), critical=False
        )
        .sign(key, SHA256())
    )
    return Request(
        request_pem=request.public_bytes(Encoding.PEM).decode("ascii"),
        key_pem=write_key(key),
        names=distinct,
    )


def _make_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=_EXPONENT, key_size=KEY_BITS)


def _load_key(pem: str) -> rsa.RSAPrivateKey:
    key, flaws = read_key("the key", pem.encode())
    if key is None:
        raise ValueError(str(flaws[0]))
    return key


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
