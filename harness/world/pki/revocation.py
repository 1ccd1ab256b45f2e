"""Revocation from both ends: an authority that revokes certificates and says so, and a judge of what it said.

OCSP (RFC 6960) is answered by a responder of its own, whose certificate the authority issued for that alone; its key
is Ed25519, whose signatures are the same each time. The CRL (RFC 5280 section 5) is signed by the authority itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.world.tls.identity import VerificationError

Manner = Literal["right", "try_later", "expired", "unknown", "other_nonce", "forged"]
"""How an OCSP answer is wrong, if it is."""

_FRESH = timedelta(hours=1)
"""How long an answer holds."""
_SLACK = timedelta(minutes=5)
"""Answers hold a little earlier: clocks differ."""
_REVOKED = 44
"""TLS alert certificate_revoked: there is no other number for it."""


class StatusError(Exception):
    """No usable answer: it says nothing about the certificate."""


class RevocationAuthority:
    """What one authority has revoked."""

    def __init__(
        self,
        issuer: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        *,
        now: Callable[[], datetime],
    ) -> None:
        """Nothing is revoked yet."""
        self._issuer = issuer
        self._key = key
        self._now = now
        self._revoked: dict[int, datetime] = {}
        # OpenSSL's own random numbers cannot be seeded.
        self._responder_key = ed25519.Ed25519PrivateKey.from_private_bytes(os.urandom(32))
        self._responder = self._make_responder(key)
        self._stranger = ec.generate_private_key(ec.SECP256R1())

    def revoke(self, serial_number: int) -> None:
        """From now on this certificate is revoked."""
        self._revoked.setdefault(serial_number, self._second())

    def answer(self, query: bytes, *, manner: Manner = "right") -> bytes:
        """Answer an OCSP request.

        Raises:
            ValueError: it is none.
        """
        request = ocsp.load_der_ocsp_request(query)
        if manner == "try_later":
            status = ocsp.OCSPResponseStatus.TRY_LATER
            return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
        since = self._since(is_expired=manner == "expired")
        is_forged = manner == "forged"
        revoked = None if is_forged else self._revoked.get(request.serial_number)
        responder = self._make_responder(self._stranger) if is_forged else self._responder
        status_of = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD
        if manner == "unknown":
            status_of, revoked = ocsp.OCSPCertStatus.UNKNOWN, None
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=request.issuer_name_hash,
                issuer_key_hash=request.issuer_key_hash,
                serial_number=request.serial_number,
                algorithm=request.hash_algorithm,
                cert_status=status_of,
                this_update=since,
                next_update=since + _FRESH,
                revocation_time=revoked,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, responder)
            .certificates([responder])
        )
        nonce = _find_nonce(request.extensions)
        if nonce is not None:
            told = bytes(len(nonce)) if manner == "other_nonce" else nonce
            builder = builder.add_extension(x509.OCSPNonce(told), critical=False)
        return self._date(builder.sign(self._responder_key, None))

    def _date(self, response: ocsp.OCSPResponse) -> bytes:
        """The response with our own time in producedAt: cryptography takes the machine's, and asks nobody."""
        form = "%Y%m%d%H%M%SZ"  # RFC 6960 section 4.2.2.1: GeneralizedTime
        machine, ours = (t.strftime(form).encode() for t in (response.produced_at_utc, self._now()))
        before = response.tbs_response_bytes
        # Only the responder's id stands before it.
        after = before.replace(machine, ours, 1)
        der = response.public_bytes(Encoding.DER).replace(before, after, 1)
        return der.replace(response.signature, self._responder_key.sign(after), 1)

    def build_crl(self, *, is_expired: bool = False, is_forged: bool = False) -> bytes:
        """The list of everything revoked so far, DER; a forged one has nothing in it, and another's signature."""
        since = self._since(is_expired=is_expired)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._issuer.subject)
            .last_update(since)
            .next_update(since + _FRESH)
        )
        for serial_number, time in () if is_forged else self._revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(time).build())
        return builder.sign(self._stranger if is_forged else self._key, SHA256()).public_bytes(
            Encoding.DER
        )

    def _make_responder(self, issuer_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        now = self._second()
        name = x509.NameAttribute(NameOID.COMMON_NAME, "User CA OCSP responder")
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([name]))
            .issuer_name(self._issuer.subject)
            .public_key(self._responder_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _FRESH)
            .not_valid_after(self._issuer.not_valid_after_utc)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False
            )
        )
        return builder.sign(issuer_key, SHA256())

    def _since(self, *, is_expired: bool) -> datetime:
        return self._second() - (2 * _FRESH if is_expired else _SLACK)

    def _second(self) -> datetime:
        return self._now().replace(microsecond=0)


class RevocationJudge:
    """Asks and judges for one authority, at the time of whoever asks."""

    def __init__(self, issuer: x509.Certificate) -> None:
        """Trust this authority, and the responders that it named."""
        self._issuer = issuer

    def build_query(self, chain: tuple[bytes, ...], *, nonce: bytes) -> bytes:
        """The OCSP request about the leaf of a chain (DER)."""
        leaf = x509.load_der_x509_certificate(chain[0])
        builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, self._issuer, SHA256())
        return (
            builder.add_extension(x509.OCSPNonce(nonce), critical=False)
            .build()
            .public_bytes(Encoding.DER)
        )

    def judge_answer(
        self, answer: bytes, chain: tuple[bytes, ...], *, nonce: bytes, now_ns: int
    ) -> None:
        """Take an OCSP answer for what it is.

        Raises:
            StatusError: it says nothing: wrong form, signature, certificate, time or nonce, or the status is unknown.
            VerificationError: the certificate is revoked.
        """
        leaf = x509.load_der_x509_certificate(chain[0])
        try:
            response = ocsp.load_der_ocsp_response(answer)
            if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                raise StatusError(f"OCSP: {response.response_status.name.lower()}")
            self._check_signature(response)
            if response.serial_number != leaf.serial_number:
                raise StatusError("OCSP: the answer is about another certificate")
            if _find_nonce(response.extensions) != nonce:
                raise StatusError("OCSP: the answer is one to another question")
            _check_time("OCSP", response.this_update_utc, response.next_update_utc, now_ns)
            status = response.certificate_status
        except ValueError as error:
            raise StatusError(f"OCSP: the answer cannot be read: {error}") from error
        if status is ocsp.OCSPCertStatus.REVOKED:
            raise _revoked(leaf)
        if status is not ocsp.OCSPCertStatus.GOOD:
            raise StatusError("OCSP: the status is unknown")

    def judge_crl(self, der: bytes, chain: tuple[bytes, ...], *, now_ns: int) -> None:
        """Look a certificate up in a CRL.

        Raises:
            StatusError: it is not the authority's, or not of this time.
            VerificationError: the certificate is revoked.
        """
        leaf = x509.load_der_x509_certificate(chain[0])
        try:
            crl = x509.load_der_x509_crl(der)
        except ValueError as error:
            raise StatusError(f"CRL: it cannot be read: {error}") from error
        key = self._issuer.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not crl.is_signature_valid(key):
            raise StatusError("CRL: the signature does not hold")
        _check_time("CRL", crl.last_update_utc, crl.next_update_utc, now_ns)
        if crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None:
            raise _revoked(leaf)

    def _check_signature(self, response: ocsp.OCSPResponse) -> None:
        """RFC 6960 section 4.2.2.2: a responder that the authority itself named for this."""
        for responder in response.certificates:
            key = responder.public_key()
            try:
                usage = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
                responder.verify_directly_issued_by(self._issuer)
                if isinstance(key, ed25519.Ed25519PublicKey):
                    key.verify(response.signature, response.tbs_response_bytes)
                    if ExtendedKeyUsageOID.OCSP_SIGNING in usage:
                        return
            except (InvalidSignature, TypeError, x509.ExtensionNotFound):
                continue
        raise StatusError("OCSP: the signature does not hold")


def _revoked(leaf: x509.Certificate) -> VerificationError:
    return VerificationError(f"{leaf.subject.rfc4514_string()} is revoked", alert=_REVOKED)


def _check_time(what: str, since: datetime, until: datetime | None, now_ns: int) -> None:
    now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    if now < since or (until is not None and now > until):
        raise StatusError(f"{what}: it holds from {since} to {until}; it is {now}")


def _find_nonce(extensions: x509.Extensions) -> bytes | None:
    try:
        return extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None
