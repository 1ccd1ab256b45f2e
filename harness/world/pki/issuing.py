"""Issuing: an authority's answer to a certificate signing request (RFC 2986, RFC 5280)."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

Signer = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def load_signer(pem: str) -> Signer:
    """The key of an authority, or of a request that signs itself.

    Raises:
        ValueError: neither EC nor RSA.
    """
    # Keys of this run: looking at each for sound primes again takes longer than all else.
    key = load_pem_private_key(
        pem.encode("ascii"), password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError(f"got a key of {type(key).__name__}; expected EC or RSA")
    return key


def sign_request(
    request_pem: str,
    *,
    issuer: x509.Certificate | None,
    signer: Signer,
    not_before: datetime,
    not_after: datetime,
    has_names: bool = True,
) -> str:
    """A server certificate (PEM) with the subject and key of a request.

    Args:
        request_pem: PKCS#10.
        issuer: None: it is its own.
        signer: the issuer's key.
        not_before: start of its life.
        not_after: end of its life.
        has_names: whether the request's alternative names are taken over.

    Raises:
        ValueError: the request cannot be read, or is not signed by its key.
    """
    request = x509.load_pem_x509_csr(request_pem.encode("ascii"))
    if not request.is_signature_valid:
        raise ValueError("the request is not signed by its own key")
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    issuer_key = signer.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(request.subject if issuer is None else issuer.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
    )
    if has_names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    certificate = builder.sign(signer, SHA256())
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
