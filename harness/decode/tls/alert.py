"""TLS alerts: RFC 8446 section 6."""

from __future__ import annotations

from harness.trace.tls import Alert, Seen, Side

# https://www.iana.org/assignments/tls-parameters, TLS Alerts.
NAMES: dict[int, str] = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    52: "too_many_cids_requested",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    117: "general_error",
    120: "no_application_protocol",
    121: "ech_required",
}


def build_alert(sender: Side, level: int, description: int, seen: Seen) -> Alert:
    """One alert with the name that the registry gives it; `alert 213` for an unknown one."""
    name = NAMES.get(description, f"alert {description}")
    return Alert(sender=sender, level=level, description=description, name=name, seen=seen)


def is_alert(content: bytes) -> bool:
    """Whether these bytes can be alerts: one, or (before TLS 1.3) several, each a warning or fatal."""
    if len(content) == 2:
        return True
    # RFC 8446 section 6: a protected one looks like many of other levels.
    return bool(content) and len(content) % 2 == 0 and set(content[::2]) <= {1, 2}
