"""Signatures of what is told about revocation: an authority's own, or of a responder that it named for that.

Who the authorities are, the capture alone does not say: the site or the run's note does. Only cryptography's own
verification is used; what it cannot verify stays unchecked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, SignatureAlgorithmOID

from harness.trace.connection import Connection
from harness.trace.http import Exchange
from harness.trace.revocation import Signature
from harness.trace.trace import Trace

_ODD = (ValueError, TypeError, x509.DuplicateExtension, UnsupportedAlgorithm, NotImplementedError)
_KINDS: Mapping[x509.ObjectIdentifier, type[object]] = {
    SignatureAlgorithmOID.ED25519: ed25519.Ed25519PublicKey,
    SignatureAlgorithmOID.ED448: ed448.Ed448PublicKey,
    **dict.fromkeys(
        (
            SignatureAlgorithmOID.ECDSA_WITH_SHA256,
            SignatureAlgorithmOID.ECDSA_WITH_SHA384,
            SignatureAlgorithmOID.ECDSA_WITH_SHA512,
        ),
        ec.EllipticCurvePublicKey,
    ),
    **dict.fromkeys(
        (
            SignatureAlgorithmOID.RSA_WITH_SHA1,
            SignatureAlgorithmOID.RSA_WITH_SHA256,
            SignatureAlgorithmOID.RSA_WITH_SHA384,
            SignatureAlgorithmOID.RSA_WITH_SHA512,
        ),
        rsa.RSAPublicKey,
    ),
}


def check_signatures(trace: Trace, authorities: Iterable[bytes]) -> Trace:
    """The same trace, with what is known of the signature of every OCSP answer and CRL.

    Args:
        trace: as decoded.
        authorities: certificates (DER or PEM) of those that sign the certificates of users; none can be read: nothing
            is checked.
    """
    known = tuple(c for c in map(_load, authorities) if c is not None)
    if not known:
        return trace
    connections = tuple(_check_connection(c, known) for c in trace.connections)
    return replace(trace, connections=connections)


def check_signature(
    protocol: str, der: bytes, authorities: tuple[x509.Certificate, ...]
) -> Signature:
    """Whether one of the authorities stands behind an answer; never raises."""
    check = _check_ocsp if protocol == "ocsp" else _check_crl
    try:
        return check(der, authorities)
    except _ODD:
        return "unchecked"


def _check_connection(
    connection: Connection, authorities: tuple[x509.Certificate, ...]
) -> Connection:
    if not any(e.response and e.response.status_answer for e in connection.exchanges):
        return connection
    exchanges = tuple(_check_exchange(e, authorities) for e in connection.exchanges)
    return replace(connection, exchanges=exchanges)


def _check_exchange(exchange: Exchange, authorities: tuple[x509.Certificate, ...]) -> Exchange:
    response = exchange.response
    if response is None or response.status_answer is None or response.status_answer.problem:
        return exchange
    answer = response.status_answer
    signature = check_signature(answer.protocol, response.body, authorities)
    told = replace(response, status_answer=replace(answer, signature=signature))
    return replace(exchange, response=told)


def _check_ocsp(der: bytes, authorities: tuple[x509.Certificate, ...]) -> Signature:
    """RFC 6960 section 4.2.2.2: the authority itself, or whom it named, by a certificate, for this alone."""
    response = ocsp.load_der_ocsp_response(der)
    for authority in authorities:
        if not _is_about(response, authority):
            continue
        named = (c for c in response.certificates if _is_named(c, authority, response))
        if any(_has_signed(signer, response) for signer in (authority, *named)):
            return "right"
    return "wrong"


def _is_about(response: ocsp.OCSPResponse, authority: x509.Certificate) -> bool:
    """Whether it tells about certificates of this authority: serial numbers mean nothing without it."""
    builder = ocsp.OCSPRequestBuilder()
    own = builder.add_certificate(authority, authority, response.hash_algorithm).build()
    return response.issuer_key_hash == own.issuer_key_hash


def _is_named(
    signer: x509.Certificate, authority: x509.Certificate, response: ocsp.OCSPResponse
) -> bool:
    try:
        signer.verify_directly_issued_by(authority)
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (*_ODD, InvalidSignature, x509.ExtensionNotFound):
        return False
    is_alive = signer.not_valid_before_utc <= response.this_update_utc <= signer.not_valid_after_utc
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage and is_alive


def _has_signed(signer: x509.Certificate, response: ocsp.OCSPResponse) -> bool:
    key, signed = signer.public_key(), response.tbs_response_bytes
    signature = response.signature
    kind = _KINDS.get(response.signature_algorithm_oid)
    if kind is None:
        raise UnsupportedAlgorithm(f"signatures of {response.signature_algorithm_oid}")
    if not isinstance(key, kind):
        return False  # Another kind of key has not made it.
    try:
        match key:
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, signed)
            case ec.EllipticCurvePublicKey():
                key.verify(signature, signed, ec.ECDSA(_hash(response)))
            case rsa.RSAPublicKey():
                key.verify(signature, signed, padding.PKCS1v15(), _hash(response))
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _hash(response: ocsp.OCSPResponse) -> hashes.HashAlgorithm:
    algorithm = response.signature_hash_algorithm
    if algorithm is None:
        raise UnsupportedAlgorithm("a signature without a hash")
    return algorithm


def _check_crl(der: bytes, authorities: tuple[x509.Certificate, ...]) -> Signature:
    """RFC 5280 section 6.3.3: the list is the authority's own."""
    crl = x509.load_der_x509_crl(der)
    for authority in authorities:
        key = authority.public_key()
        if crl.issuer != authority.subject or not isinstance(
            key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey
        ):
            continue
        if crl.is_signature_valid(key):
            return "right"
    return "wrong"


def _load(certificate: bytes) -> x509.Certificate | None:
    try:
        if certificate.lstrip().startswith(b"-----"):
            return x509.load_pem_x509_certificate(certificate)
        return x509.load_der_x509_certificate(certificate)
    except _ODD:
        return None
