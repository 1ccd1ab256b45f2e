"""X.509 certificates of the wire, read with cryptography.x509; what cannot be read is said, never raised."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from harness.trace.certificate import Certificate

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# DER tags of the string types that a user principal name is written in (X.680 section 8.4).
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x1E: "utf-16-be"}

_UNREADABLE = (
    ValueError,
    TypeError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@lru_cache(maxsize=4096)  # a few kilobytes each; chains repeat on every connection
def parse_certificate(der: bytes) -> Certificate:
    """Read one certificate; never raises: `problem` of the result says what could not be read."""
    result = Certificate(der=der, sha256=hashlib.sha256(der).hexdigest())
    with warnings.catch_warnings():
        # cryptography warns about odd but readable certificates; they are observations here.
        warnings.simplefilter("ignore")
        try:
            certificate = x509.load_der_x509_certificate(der)
        except _UNREADABLE as error:
            return replace(result, problem=f"not a certificate: {_first_line(error)}")
        readers: tuple[Callable[[Certificate, x509.Certificate], Certificate], ...] = (
            _with_serial_number,
            _with_subject,
            _with_issuer,
            _with_validity,
            _with_alternative_names,
            _with_purposes,
            _with_policies,
            _with_authority,
            _with_key_ids,
        )
        for reader in readers:
            try:
                result = reader(result, certificate)
            except _UNREADABLE as error:
                what = reader.__name__.removeprefix("_with_").replace("_", " ")
                result = replace(result, problem=result.problem or f"{what}: {_first_line(error)}")
    return result


def _with_serial_number(result: Certificate, certificate: x509.Certificate) -> Certificate:
    return replace(result, serial_number=certificate.serial_number)


def _with_subject(result: Certificate, certificate: x509.Certificate) -> Certificate:
    return replace(result, subject=certificate.subject.rfc4514_string())


def _with_issuer(result: Certificate, certificate: x509.Certificate) -> Certificate:
    return replace(result, issuer=certificate.issuer.rfc4514_string())


def _with_validity(result: Certificate, certificate: x509.Certificate) -> Certificate:
    return replace(
        result,
        not_before_ns=_nanoseconds(certificate.not_valid_before_utc),
        not_after_ns=_nanoseconds(certificate.not_valid_after_utc),
    )


def _with_alternative_names(result: Certificate, certificate: x509.Certificate) -> Certificate:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return result
    others = names.get_values_for_type(x509.OtherName)
    return replace(
        result,
        emails=tuple(names.get_values_for_type(x509.RFC822Name)),
        dns_names=tuple(names.get_values_for_type(x509.DNSName)),
        ip_addresses=tuple(str(address) for address in names.get_values_for_type(x509.IPAddress)),
        upns=tuple(_parse_string(other.value) for other in others if other.type_id == _UPN),
    )


def _with_purposes(result: Certificate, certificate: x509.Certificate) -> Certificate:
    usage = _find(certificate, x509.ExtendedKeyUsage)
    if usage is None:
        return result
    return replace(result, purposes=tuple(purpose.dotted_string for purpose in usage))


def _with_policies(result: Certificate, certificate: x509.Certificate) -> Certificate:
    policies = _find(certificate, x509.CertificatePolicies)
    if policies is None:
        return result
    return replace(
        result, policies=tuple(policy.policy_identifier.dotted_string for policy in policies)
    )


def _with_authority(result: Certificate, certificate: x509.Certificate) -> Certificate:
    constraints = _find(certificate, x509.BasicConstraints)
    return replace(result, is_authority=constraints is not None and constraints.ca)


def _with_key_ids(result: Certificate, certificate: x509.Certificate) -> Certificate:
    own = _find(certificate, x509.SubjectKeyIdentifier)
    issuer = _find(certificate, x509.AuthorityKeyIdentifier)
    return replace(
        result,
        key_id=own.digest.hex() if own is not None else "",
        issuer_key_id=(issuer.key_identifier or b"").hex() if issuer is not None else "",
    )


def _find(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _parse_string(der: bytes) -> str:
    """One DER string: tag, length, bytes."""
    if len(der) < 2 or der[0] not in _ENCODINGS:
        raise ValueError(f"user principal name: got {der[:8].hex()}; expected a DER string")
    size, offset = der[1], 2
    if size & 0x80:
        offset += size & 0x7F
        size = int.from_bytes(der[2:offset], "big")
    if offset + size != len(der):
        raise ValueError(f"user principal name: length {size} in {len(der)} bytes")
    return der[offset:].decode(_ENCODINGS[der[0]])


def _nanoseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
