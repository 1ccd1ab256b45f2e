"""TLS alerts as they are named in the IANA registry."""

from __future__ import annotations

from enum import IntEnum


class AlertDescription(IntEnum):
    """Code points of RFC 8446 section 6 and RFC 7301; those that only older versions use are kept for reading."""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    DECRYPTION_FAILED = 21
    RECORD_OVERFLOW = 22
    HANDSHAKE_FAILURE = 40
    BAD_CERTIFICATE = 42
    UNSUPPORTED_CERTIFICATE = 43
    CERTIFICATE_REVOKED = 44
    CERTIFICATE_EXPIRED = 45
    CERTIFICATE_UNKNOWN = 46
    ILLEGAL_PARAMETER = 47
    UNKNOWN_CA = 48
    ACCESS_DENIED = 49
    DECODE_ERROR = 50
    DECRYPT_ERROR = 51
    PROTOCOL_VERSION = 70
    INSUFFICIENT_SECURITY = 71
    INTERNAL_ERROR = 80
    INAPPROPRIATE_FALLBACK = 86
    USER_CANCELED = 90
    NO_RENEGOTIATION = 100
    MISSING_EXTENSION = 109
    UNSUPPORTED_EXTENSION = 110
    UNRECOGNIZED_NAME = 112
    BAD_CERTIFICATE_STATUS_RESPONSE = 113
    UNKNOWN_PSK_IDENTITY = 115
    CERTIFICATE_REQUIRED = 116
    NO_APPLICATION_PROTOCOL = 120


def name_alert(code: int) -> str:
    """`116 certificate_required`; an unknown code point stays a number."""
    try:
        return f"{code} {AlertDescription(code).name.lower()}"
    except ValueError:
        return f"{code}"


class TlsError(ConnectionError):
    """TLS failed; the text names the peer and the alert sent or received."""

    def __init__(self, message: str, *, alert: int | None = None, received: bool = False) -> None:
        """Keep the alert.

        Args:
            message: says what failed, with whom.
            alert: its code point, or None when the connection ended without one.
            received: the peer sent it; otherwise it was sent to the peer.
        """
        super().__init__(message)
        self.alert = alert
        self.received = received
