"""OCSP messages and CRLs, read with cryptography.x509; what cannot be read is said, never raised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509 import ocsp

from harness.trace.revocation import Status, StatusAnswer, StatusQuery

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNREADABLE = (ValueError, TypeError, x509.DuplicateExtension)
_STATUS: dict[ocsp.OCSPCertStatus, Status] = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}


def read_query(der: bytes) -> StatusQuery | None:
    """An OCSP request (RFC 6960 section 4.1); None: it cannot be read, or asks about several certificates."""
    try:
        request = ocsp.load_der_ocsp_request(der)
        nonce = _find_nonce(request.extensions)
        return StatusQuery(serial_number=request.serial_number, nonce=nonce)
    except (*_UNREADABLE, NotImplementedError):  # Several certificates in one request.
        return None


def read_ocsp(der: bytes) -> StatusAnswer:
    """An OCSP response (RFC 6960 section 4.2); `problem` says why there is no status in it."""
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return StatusAnswer(protocol="ocsp", problem=response.response_status.name.lower())
        ends = response.next_update_utc
        return StatusAnswer(
            protocol="ocsp",
            serial_number=response.serial_number,
            status=_STATUS[response.certificate_status],
            nonce=_find_nonce(response.extensions),
            this_update_ns=_nanoseconds(response.this_update_utc),
            next_update_ns=None if ends is None else _nanoseconds(ends),
        )
    except (*_UNREADABLE, NotImplementedError) as error:
        return StatusAnswer(protocol="ocsp", problem=f"not readable: {_first_line(error)}")


def read_crl(der: bytes) -> StatusAnswer:
    """A CRL (RFC 5280 section 5); `problem` says why it cannot be read."""
    try:
        crl = x509.load_der_x509_crl(der)
        ends = crl.next_update_utc
        return StatusAnswer(
            protocol="crl",
            revoked=frozenset(entry.serial_number for entry in crl),
            this_update_ns=_nanoseconds(crl.last_update_utc),
            next_update_ns=None if ends is None else _nanoseconds(ends),
        )
    except _UNREADABLE as error:
        return StatusAnswer(protocol="crl", problem=f"not readable: {_first_line(error)}")


def _find_nonce(extensions: x509.Extensions) -> bytes | None:
    try:
        return extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None


def _nanoseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:200]
