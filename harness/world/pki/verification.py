"""Judges of certificate chains: path, dates, purpose and name; tlslite-ng checks none of these.

RFC 5280 section 6 and RFC 9525, by cryptography's verifier; what it refuses is given the TLS alert
that RFC 8446 section 6.2 names.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
)

from harness.net.address import Address
from harness.world.tls.identity import VerificationError, Verify

_CHAINS = 1024
"""Chains that a verifier remembers to hold: those of a fleet."""
_BAD_CERTIFICATE = 42
_CERTIFICATE_EXPIRED = 45
_CERTIFICATE_UNKNOWN = 46
_UNKNOWN_CA = 48


def server_verifier(
    roots: tuple[x509.Certificate, ...], *, server_name: str | Address, at: datetime
) -> Verify:
    """Judge chains of a server that must bear this name or address (also in its written form), at this instant."""
    verifier = _policies(roots, at, ExtendedKeyUsageOID.SERVER_AUTH).build_server_verifier(
        _subject(server_name)
    )
    return _make(verifier, roots, at, f"a server named {server_name}")


def client_verifier(roots: tuple[x509.Certificate, ...], *, at: datetime) -> Verify:
    """Judge chains of a client, at this instant."""
    verifier = _policies(roots, at, ExtendedKeyUsageOID.CLIENT_AUTH).build_client_verifier()
    return _make(verifier, roots, at, "a client")


def _subject(server_name: str | Address) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ip_address(str(server_name)))
    except ValueError:
        return x509.DNSName(str(server_name))


def _policies(
    roots: tuple[x509.Certificate, ...], at: datetime, purpose: x509.ObjectIdentifier
) -> PolicyBuilder:
    def check_purpose(
        _policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage
    ) -> None:
        if purpose not in usage:
            raise ValueError(f"extended key usage lacks {purpose.dotted_string}")

    # The default end-entity policy is that of browsers, which refuses a critical subjectAltName or extended key usage;
    # private authorities issue both.
    leaf = (
        ExtensionPolicy.permit_all()
        .require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
        .require_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, check_purpose)
    )
    return (
        PolicyBuilder()
        .store(Store(list(roots)))
        .time(at)
        .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=leaf)
    )


def check_life(leaf: bytes, now_ns: int) -> None:
    """Look once more at the dates of a certificate (DER) that can be read.

    Raises:
        VerificationError: it is not valid now (nanoseconds since the epoch).
    """
    subject, since, until = _read_life(leaf)
    now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    if not since <= now <= until:
        raise _not_valid(subject, since, until, now)


@lru_cache(maxsize=_CHAINS)
def _read_life(leaf: bytes) -> tuple[str, datetime, datetime]:
    certificate = x509.load_der_x509_certificate(leaf)
    subject = certificate.subject.rfc4514_string()
    return subject, certificate.not_valid_before_utc, certificate.not_valid_after_utc


def _not_valid(subject: str, since: datetime, until: datetime, now: datetime) -> VerificationError:
    return VerificationError(
        f"{subject} is valid from {since} to {until}; it is {now}", alert=_CERTIFICATE_EXPIRED
    )


def _make(
    verifier: verification.ServerVerifier | verification.ClientVerifier,
    roots: tuple[x509.Certificate, ...],
    at: datetime,
    role: str,
) -> Verify:
    # At one instant, with the same roots, a chain holds or it does not: no connection changes that. Refusals raise,
    # and are not kept.
    @lru_cache(maxsize=_CHAINS)
    def verify(chain: tuple[bytes, ...]) -> None:
        try:
            leaf, *others = (x509.load_der_x509_certificate(der) for der in chain)
        except ValueError as error:
            raise VerificationError(
                f"a certificate cannot be read: {error}", alert=_BAD_CERTIFICATE
            ) from error
        subject = leaf.subject.rfc4514_string()
        if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
            raise _not_valid(subject, leaf.not_valid_before_utc, leaf.not_valid_after_utc, at)
        try:
            verifier.verify(leaf, others)
        except verification.VerificationError as error:
            # Whose the certificate is comes before what is in it: of a stranger's, no name matters.
            is_known = _ends_at(roots, at, leaf, others)
            raise VerificationError(
                f"{subject} does not hold for {role}: {error}",
                alert=_CERTIFICATE_UNKNOWN if is_known else _UNKNOWN_CA,
            ) from error

    return verify


def _ends_at(
    roots: tuple[x509.Certificate, ...],
    at: datetime,
    leaf: x509.Certificate,
    others: list[x509.Certificate],
) -> bool:
    """Whether a path leads from a leaf to one of the roots, whatever the leaf is for and whoever it names."""
    policies = ExtensionPolicy.webpki_defaults_ca(), ExtensionPolicy.permit_all()
    builder = PolicyBuilder().store(Store(list(roots))).time(at)
    verifier = builder.extension_policies(ca_policy=policies[0], ee_policy=policies[1])
    try:
        verifier.build_client_verifier().verify(leaf, others)
    except verification.VerificationError:
        return False
    return True
