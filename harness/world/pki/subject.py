"""Whom a device certificate names: UPN first, then email (the order of the vendor's user id attribute)."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from harness.world.tls.identity import VerificationError

UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
"""userPrincipalName, an otherName that holds a UTF8String."""

_UTF8_STRING = 0x0C
_BAD_CERTIFICATE = 42


def encode_upn(name: str) -> x509.OtherName:
    """Make the otherName of a UPN.

    Raises:
        ValueError: it is longer than 127 bytes, the longest that DER writes with one length byte.
    """
    text = name.encode("utf-8")
    if len(text) > 127:
        raise ValueError(f"UPN {name!r} takes {len(text)} bytes; at most 127 are supported")
    return x509.OtherName(UPN, bytes((_UTF8_STRING, len(text))) + text)


def user_of(chain: tuple[bytes, ...], *, is_email_first: bool = False) -> str:
    """Name the user of a chain (DER, leaf first): its UPN, else its email address; `is_email_first` turns that round.

    Raises:
        VerificationError: the leaf cannot be read, or names nobody, or names two in the same way.
    """
    if not chain:
        raise VerificationError("no certificate: nobody is named", alert=_BAD_CERTIFICATE)
    try:
        extensions = x509.load_der_x509_certificate(chain[0]).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        upns = [
            _decode_upn(each.value)
            for each in names.get_values_for_type(x509.OtherName)
            if each.type_id == UPN
        ]
        emails = names.get_values_for_type(x509.RFC822Name)
    except x509.ExtensionNotFound:
        raise VerificationError(
            "no subjectAltName: nobody is named", alert=_BAD_CERTIFICATE
        ) from None
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise VerificationError(
            f"the certificate cannot be read: {error}", alert=_BAD_CERTIFICATE
        ) from error
    found = (emails or upns) if is_email_first else (upns or emails)
    if len(found) != 1:
        raise VerificationError(
            f"the certificate names {len(found)} users ({', '.join(found) or 'no UPN and no email'}); expected one",
            alert=_BAD_CERTIFICATE,
        )
    return found[0]


def _decode_upn(der: bytes) -> str:
    if len(der) < 3 or der[0] != _UTF8_STRING or der[1] != len(der) - 2:
        raise ValueError(f"UPN is not a UTF8String of at most 127 bytes: {der[:16].hex()}")
    return der[2:].decode("utf-8")
